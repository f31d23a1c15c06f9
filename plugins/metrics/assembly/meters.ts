import { Counter, Gauge, Histogram } from "@gcoredev/proxy-wasm-sdk-as/assembly";
import { Names } from "./names";

// Meters are the metrics of one configuration. The gateway adds up what its instances count.
export class Meters {
  private requests: Map<string, Counter> = new Map();
  private inFlight: Gauge | null = null;
  private durations: Histogram | null = null;
  private sizes: Histogram | null = null;

  constructor(private names: Names) {
    if (names.inFlight != "") this.inFlight = new Gauge(names.inFlight);
    if (names.durations != "") this.durations = new Histogram(names.durations);
    if (names.sizes != "") this.sizes = new Histogram(names.sizes);
  }

  begin(): void {
    const gauge = this.inFlight;
    if (gauge != null) gauge.increment(1);
  }

  end(method: string, status: i32, milliseconds: u64, bytes: u64): void {
    const gauge = this.inFlight;
    if (gauge != null) gauge.increment(-1);
    this.count(this.names.counter(method, status));
    record(this.durations, milliseconds);
    record(this.sizes, bytes);
  }

  private count(name: string): void {
    if (name == "") return;
    if (!this.requests.has(name)) this.requests.set(name, new Counter(name));
    this.requests.get(name).increment(1);
  }
}

function record(histogram: Histogram | null, value: u64): void {
  if (histogram != null) histogram.record(histogram.metric_id, value);
}

import { Settings } from "../../kit-ts/settings";

// Names of the metrics; an empty one is not kept.
export class Names {
  // requests is a counter for each class of method and status, which stand for {method} and {status}.
  requests: string;
  // inFlight is a gauge.
  inFlight: string;
  // durations, in milliseconds, and sizes of response bodies, in bytes, are histograms.
  durations: string;
  sizes: string;

  constructor(settings: Settings) {
    this.requests = settings.text("requests", "requests_{method}_{status}");
    this.inFlight = settings.text("in_flight", "requests_in_flight");
    this.durations = settings.text("durations", "request_duration_ms");
    this.sizes = settings.text("sizes", "response_bytes");
  }

  counter(method: string, status: i32): string {
    return this.requests.replaceAll("{method}", methodClass(method)).replaceAll("{status}", statusClass(status));
  }
}

// Classes keep the number of metrics small, whatever clients send.
function methodClass(method: string): string {
  if (method == "GET" || method == "HEAD" || method == "OPTIONS") return "read";
  if (method == "POST" || method == "PUT" || method == "PATCH" || method == "DELETE") return "write";
  return "other";
}

// statusClass is "none" for a request that had no answer.
function statusClass(status: i32): string {
  return status >= 100 && status < 600 ? (status / 100).toString() + "xx" : "none";
}

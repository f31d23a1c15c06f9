// metrics counts requests by the class of their method and status, and measures how long they take and how large answers are.
import {
  Context, FilterHeadersStatusValues, get_current_time_nanoseconds, get_property, log, LogLevelValues, registerRootContext,
  RootContext, stream_context,
} from "@gcoredev/proxy-wasm-sdk-as/assembly";
import { deleteContext } from "@gcoredev/proxy-wasm-sdk-as/assembly/runtime";
import { Settings } from "../../kit-ts/settings";
import { Meters } from "./meters";
import { Names } from "./names";

// Only the callbacks that do something are exported: a module that exports those of bodies gets to see every body.
export { malloc } from "@gcoredev/proxy-wasm-sdk-as/assembly/malloc";
export {
  proxy_abi_version_0_2_1, proxy_on_configure, proxy_on_context_create, proxy_on_log, proxy_on_request_headers,
  proxy_on_vm_start,
} from "@gcoredev/proxy-wasm-sdk-as/assembly/exports";

// The SDK's own proxy_on_delete aborts for the root context, which is not in its list.
export function proxy_on_delete(id: u32): void {
  deleteContext(id);
}

const example = '{"requests": "shop_requests_{method}_{status}", "sizes": ""}';

class Plugin extends RootContext {
  meters: Meters | null = null;
  private document: string = "";

  // onConfigure reads the configuration, and refuses one that it does not understand.
  onConfigure(size: u32): bool {
    super.onConfigure(size);
    const error = this.read(this.getConfiguration());
    if (error == "") return true;
    log(LogLevelValues.error, "metrics: " + error + "; an example: " + example);
    return false;
  }

  private read(document: string): string {
    // The SDK keeps one root context, so that another configuration would be everybody's.
    if (this.meters != null) return this.document == document ? "" : "one configuration per plugin: give the route an entry of its own";
    this.document = document;
    const settings = new Settings(document);
    const names = new Names(settings);
    const error = settings.finish();
    if (error == "") this.meters = new Meters(names);
    return error;
  }

  createContext(id: u32): Context {
    return new Exchange(id, this);
  }
}

// Exchange is one request and its response.
class Exchange extends Context {
  private begun: u64 = 0; // nanoseconds; 0 before the request's headers
  private method: string = "";

  constructor(id: u32, private plugin: Plugin) {
    super(id, plugin);
  }

  onRequestHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    this.begun = get_current_time_nanoseconds();
    this.method = stream_context.headers.request.get(":method");
    this.plugin.meters!.begin();
    return FilterHeadersStatusValues.Continue;
  }

  // onLog comes once at the end, whatever the end was.
  onLog(): void {
    if (this.begun == 0) return;
    const milliseconds = (get_current_time_nanoseconds() - this.begun) / 1_000_000;
    this.plugin.meters!.end(this.method, <i32>number("response\0code"), milliseconds, number("response\0size"));
  }
}

// number reads a property that is a number: 8 bytes. It is 0 where there is none.
function number(property: string): u64 {
  const value = get_property(property);
  return value.byteLength == 8 ? load<u64>(changetype<usize>(value)) : 0;
}

registerRootContext((id: u32) => new Plugin(id), "metrics");

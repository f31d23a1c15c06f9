// request-id gives every request an id that client, gateway, backend and logs have in common.
import {
  Context, FilterHeadersStatusValues, log, LogLevelValues, registerRootContext, RootContext, set_property, stream_context,
} from "@gcoredev/proxy-wasm-sdk-as/assembly";
import { deleteContext } from "@gcoredev/proxy-wasm-sdk-as/assembly/runtime";
import { Settings } from "../../kit-ts/settings";
import { uuid4, uuid7 } from "./uuid";

// Only the callbacks that do something are exported: a module that exports those of bodies gets to see every body.
export { malloc } from "@gcoredev/proxy-wasm-sdk-as/assembly/malloc";
export {
  proxy_abi_version_0_2_1, proxy_on_configure, proxy_on_context_create, proxy_on_request_headers, proxy_on_response_headers,
  proxy_on_vm_start,
} from "@gcoredev/proxy-wasm-sdk-as/assembly/exports";

// The SDK's own proxy_on_delete aborts for the root context, which is not in its list.
export function proxy_on_delete(id: u32): void {
  deleteContext(id);
}

const example = '{"header": "x-request-id", "trust": true, "format": "uuid7", "response": true}';

// mostCharacters of an id that a client sends: what logs and traces hold.
const mostCharacters = 128;

class Plugin extends RootContext {
  header: string = "";
  trust: bool = false;
  sorted: bool = false;
  response: bool = true;
  private document: string = "";
  private configured: bool = false;

  // onConfigure reads the configuration, and refuses one that it does not understand.
  onConfigure(size: u32): bool {
    super.onConfigure(size);
    const error = this.read(this.getConfiguration());
    if (error == "") return true;
    log(LogLevelValues.error, "request-id: " + error + "; an example: " + example);
    return false;
  }

  private read(document: string): string {
    // The SDK keeps one root context, so that another configuration would be everybody's.
    if (this.configured && this.document != document) return "one configuration per plugin: give the route an entry of its own";
    this.configured = true;
    this.document = document;
    const settings = new Settings(document);
    this.header = settings.text("header", "x-request-id").toLowerCase();
    this.trust = settings.flag("trust", false);
    this.response = settings.flag("response", true);
    const format = settings.text("format", "uuid4");
    this.sorted = format == "uuid7";
    if (format != "uuid4" && format != "uuid7") settings.error = 'format "' + format + '" is not known: write uuid4 or uuid7';
    if (!isToken(this.header)) settings.error = 'header "' + this.header + '" is no name of a header';
    return settings.finish();
  }

  createContext(id: u32): Context {
    return new Exchange(id, this);
  }
}

// Exchange is one request and its response.
class Exchange extends Context {
  private id: string = "";

  constructor(id: u32, private plugin: Plugin) {
    super(id, plugin);
  }

  onRequestHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    const sent = stream_context.headers.request.get(this.plugin.header);
    this.id = this.plugin.trust && isId(sent) ? sent : this.plugin.sorted ? uuid7() : uuid4();
    stream_context.headers.request.remove(this.plugin.header); // there may be several, and `replace` is one of them in Envoy
    stream_context.headers.request.add(this.plugin.header, this.id);
    set_property("request_id", String.UTF8.encode(this.id)); // for access logs
    return FilterHeadersStatusValues.Continue;
  }

  onResponseHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    // A response to a request that never had a request callback has no id either.
    if (!this.plugin.response || this.id == "") return FilterHeadersStatusValues.Continue;
    stream_context.headers.response.remove(this.plugin.header);
    stream_context.headers.response.add(this.plugin.header, this.id);
    return FilterHeadersStatusValues.Continue;
  }
}

// isId tells what a client may call its request: nothing that could end a log line or look like something else in one.
function isId(text: string): bool {
  if (text.length == 0 || text.length > mostCharacters) return false;
  for (let i = 0; i < text.length; i++) {
    if (!isWord(text.charCodeAt(i)) && !"-_.~+/=:".includes(text.charAt(i))) return false;
  }
  return true;
}

function isToken(name: string): bool {
  for (let i = 0; i < name.length; i++) {
    if (!isWord(name.charCodeAt(i)) && !"!#$%&'*+-.^_`|~".includes(name.charAt(i))) return false;
  }
  return name.length > 0;
}

function isWord(c: i32): bool {
  return (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122);
}

registerRootContext((id: u32) => new Plugin(id), "request-id");

// UUIDs as RFC 9562 has them.
import { get_current_time_nanoseconds } from "@gcoredev/proxy-wasm-sdk-as/assembly";

// uuid4 is random.
export function uuid4(): string {
  return text(random(), 4);
}

// uuid7 begins with the time in milliseconds, so that ids sort as they were made.
export function uuid7(): string {
  const bytes = random();
  const milliseconds = get_current_time_nanoseconds() / 1_000_000;
  for (let i = 0; i < 6; i++) bytes[i] = <u8>(milliseconds >> (40 - 8 * i));
  return text(bytes, 7);
}

function random(): Uint8Array {
  const bytes = new Uint8Array(16);
  crypto.getRandomValues(bytes); // WASI's random_get
  return bytes;
}

function text(bytes: Uint8Array, version: u8): string {
  bytes[6] = (bytes[6] & 0x0f) | (version << 4);
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  let out = "";
  for (let i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += "-";
    out += hex(bytes[i] >> 4) + hex(bytes[i] & 15);
  }
  return out;
}

function hex(digit: u8): string {
  return "0123456789abcdef".charAt(digit);
}

// Settings reads a plugin's configuration: one flat JSON object of strings and booleans, which is what AssemblyScript has no
// JSON library for and needs none. What is wrong with it stands in `error`.
export class Settings {
  error: string = "";
  private texts: Map<string, string> = new Map();
  private flags: Map<string, bool> = new Map();
  private known: string[] = [];
  private at: i32 = 0;

  constructor(private document: string) {
    this.skipSpace();
    if (this.at < this.document.length) this.object();
    this.skipSpace();
    if (this.error == "" && this.at < this.document.length) this.fail("there is something behind the object");
  }

  // text takes the setting `name`, or what it is when it is left out.
  text(name: string, fallback: string): string {
    this.known.push(name);
    if (this.flags.has(name)) this.error = '"' + name + '" must be a text in quotes';
    if (!this.texts.has(name)) return fallback;
    const value = this.texts.get(name);
    this.texts.delete(name);
    return value;
  }

  flag(name: string, fallback: bool): bool {
    this.known.push(name);
    if (this.texts.has(name)) this.error = '"' + name + '" must be true or false';
    if (!this.flags.has(name)) return fallback;
    const value = this.flags.get(name);
    this.flags.delete(name);
    return value;
  }

  // finish names a setting that nobody has taken, and returns what is wrong, or "".
  finish(): string {
    const left = this.texts.keys().concat(this.flags.keys());
    if (this.error == "" && left.length > 0) {
      this.error = 'unknown setting "' + left[0] + '"; there are ' + this.known.join(", ");
    }
    return this.error;
  }

  private object(): void {
    if (!this.take("{")) return;
    if (this.peek() == "}") { this.at++; return; }
    while (this.error == "") {
      const name = this.quoted();
      if (this.error != "" || !this.take(":")) return;
      this.value(name);
      if (this.error != "") return;
      if (this.peek() == "}") { this.at++; return; }
      if (!this.take(",")) return;
    }
  }

  private value(name: string): void {
    this.skipSpace();
    if (this.texts.has(name) || this.flags.has(name)) {
      this.fail('"' + name + '" stands there twice');
    } else if (this.peek() == '"') {
      this.texts.set(name, this.quoted());
    } else if (this.document.startsWith("true", this.at)) {
      this.flags.set(name, true);
      this.at += 4;
    } else if (this.document.startsWith("false", this.at)) {
      this.flags.set(name, false);
      this.at += 5;
    } else {
      this.fail('"' + name + '" must be a text in quotes, true or false');
    }
  }

  private quoted(): string {
    let text = "";
    if (!this.take('"')) return text;
    for (; this.at < this.document.length; this.at++) {
      const c = this.document.charAt(this.at);
      if (c == '"') { this.at++; return text; }
      text += c == "\\" ? this.escaped() : c;
    }
    this.fail("a text has no end");
    return text;
  }

  // escaped reads what a backslash begins, up to its last character.
  private escaped(): string {
    this.at++;
    const c = this.document.charAt(this.at);
    if (c == "n") return "\n";
    if (c == "t") return "\t";
    if (c == "r") return "\r";
    if (c == "b") return "\b";
    if (c == "f") return "\f";
    if (c != "u") return c; // a quote, a backslash or a slash
    const code = U16.parseInt(this.document.substring(this.at + 1, this.at + 5), 16);
    this.at += 4;
    return String.fromCharCode(code);
  }

  private peek(): string {
    this.skipSpace();
    return this.document.charAt(this.at);
  }

  private take(c: string): bool {
    if (this.error == "" && this.peek() != c) this.fail("there should be a " + c);
    this.at++;
    return this.error == "";
  }

  private skipSpace(): void {
    while (this.at < this.document.length && this.document.charCodeAt(this.at) <= 32) this.at++;
  }

  private fail(what: string): void {
    if (this.error == "") this.error = what + " (at character " + (this.at + 1).toString() + ")";
  }
}

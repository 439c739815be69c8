/** The one place where the server is asked. */

/** What the server said is wrong, or that it could not be reached. */
export class ApiError extends Error {
  /** Status of HTTP; 0 where there was no answer. */
  readonly status: number;
  /** The server's own word for the kind of error, where it gave one. */
  readonly kind: string;
  /** The whole answer, where it was JSON: some say more than their message. */
  readonly answer: unknown;

  constructor(message: string, status: number, kind = "", answer: unknown = null) {
    super(message);
    this.answer = answer;
    this.name = "ApiError";
    this.status = status;
    this.kind = kind;
  }

  get isUnreachable(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 504;
  }
}

export type Params = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export function search(params: Params): URLSearchParams {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined) continue;
    if (typeof value === "object") for (const one of value) search.append(name, one);
    else search.append(name, String(value));
  }
  return search;
}

interface Asked {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  params?: Params;
  /** A form; else `json` or `text`. */
  form?: Params;
  json?: unknown;
  text?: string;
  signal?: AbortSignal | undefined;
}

async function send(path: string, asked: Asked): Promise<Response> {
  const query = asked.params ? search(asked.params).toString() : "";
  const headers: Record<string, string> = { accept: "application/json" };
  let body: BodyInit | undefined;
  if (asked.form) body = search(asked.form);
  else if (asked.json !== undefined) {
    body = JSON.stringify(asked.json);
    headers["content-type"] = "application/json";
  } else if (asked.text !== undefined) body = asked.text;
  try {
    return await fetch(query ? `${path}?${query}` : path, {
      method: asked.method ?? (body === undefined ? "GET" : "POST"),
      headers,
      ...(body === undefined ? {} : { body }),
      ...(asked.signal ? { signal: asked.signal } : {}),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("the server cannot be reached", 0, "unreachable");
  }
}

/** Asks, and gives the JSON of the answer as it is. Throws an `ApiError` that says what the server said. */
export async function ask<T>(path: string, asked: Asked = {}): Promise<T> {
  const response = await send(path, asked);
  const text = await response.text();
  let answer: unknown = null;
  if (text !== "") {
    try {
      answer = JSON.parse(text);
    } catch {
      const what = response.ok ? "the answer is not JSON" : text.slice(0, 300) || response.statusText;
      throw new ApiError(what, response.ok ? 500 : response.status);
    }
  }
  const told = answer as { status?: unknown; error?: unknown; message?: unknown; errorType?: unknown } | string | null;
  if (!response.ok || (typeof told === "object" && told?.status === "error")) {
    const object = typeof told === "object" ? told : null;
    const words = typeof told === "string" ? told : (object?.error ?? object?.message);
    const message = typeof words === "string" ? words : `the server answered ${response.status} ${response.statusText}`;
    throw new ApiError(message, response.status, typeof object?.errorType === "string" ? object.errorType : "", answer);
  }
  return answer as T;
}

/** Text as it is: metrics, YAML. */
export async function askText(path: string, asked: Asked = {}): Promise<string> {
  const response = await send(path, asked);
  const text = await response.text();
  if (!response.ok) throw new ApiError(text.slice(0, 300) || response.statusText, response.status);
  return text;
}

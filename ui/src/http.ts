// The HTTP API: JSON in, JSON or a problem document out.

export class Problem extends Error {
  constructor(readonly status: number, readonly code: string, detail: string) {
    super(detail);
  }
}

export async function call<T>(method: string, path: string, token?: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (token) headers["authorization"] = `Bearer ${token}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  let answer: Response;
  try {
    answer = await fetch(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  } catch {
    throw new Problem(0, "unreachable", "The server cannot be reached.");
  }
  const text = await answer.text();
  let parsed: unknown = null;
  try {
    parsed = text === "" ? null : JSON.parse(text);
  } catch {
    // A proxy's own page, for example: the status says enough.
  }
  if (answer.ok) return parsed as T;
  const problem = (parsed ?? {}) as { code?: string; detail?: string; title?: string };
  throw new Problem(answer.status, problem.code ?? "", problem.detail || problem.title || `The server answered ${answer.status}.`);
}

/** A sentence for people. */
export function sentence(error: unknown): string {
  const text = error instanceof Error ? error.message : ((error as { message?: string })?.message ?? String(error));
  const plain = text.replace(/^[a-z_]+: /, "");
  return plain.charAt(0).toUpperCase() + plain.slice(1) + (/[.!?]$/.test(plain) ? "" : ".");
}

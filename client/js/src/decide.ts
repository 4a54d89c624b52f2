// The question to a node where to connect: POST /v1/connect.

import { nodesOf } from "./nodes.js";

export interface Decision {
  /** Where to connect, the cell's choice first. */
  places: string[];
  /** Every node that the answer names. */
  nodes: string[];
}

interface Endpoint {
  url: string;
}

interface Answer {
  endpoint: Endpoint;
  fallbacks: Endpoint[];
  decide: string[];
}

/**
 * Asks one node once. No token is sent: the node that is connected to judges it,
 * and the SDK gets another one if it has run out.
 */
export async function decide(node: string, ask: typeof fetch, signal: AbortSignal): Promise<Decision> {
  const reply = await ask(`${node}/v1/connect`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
    signal,
  });
  if (reply.status === 404) return { places: [node], nodes: [] }; // something before the node passes on connections only
  if (!reply.ok) throw new Error(`${node} answers ${reply.status}`);
  const answer = (await reply.json()) as Answer;
  const places = nodesOf([answer.endpoint.url, ...answer.fallbacks.map((e) => e.url)]);
  if (places.length === 0) throw new Error(`${node} names no address`);
  return { places, nodes: nodesOf([...places, ...answer.decide]) };
}

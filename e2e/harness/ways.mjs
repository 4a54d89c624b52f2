// The ways into the server: each transport with each encoding that it has. The
// official client, unmodified, knows them all.

import { Centrifuge as JSONCentrifuge } from "centrifuge";
import { Centrifuge as ProtobufCentrifuge } from "centrifuge/build/protobuf";
import { EventSource } from "eventsource";
import WebSocket from "ws";

const asIs = { Centrifuge: JSONCentrifuge, pack: (value) => value, unpack: (data) => data };
// In Protobuf payloads are bytes; here they are JSON all the same.
const asBytes = {
  Centrifuge: ProtobufCentrifuge,
  pack: (value) => new TextEncoder().encode(JSON.stringify(value)),
  unpack: (bytes) => JSON.parse(new TextDecoder().decode(bytes)),
};

export const WEBSOCKET = { name: "websocket json", transport: "websocket", ...asIs };

export const WAYS = [
  WEBSOCKET,
  { name: "websocket protobuf", transport: "websocket", ...asBytes },
  { name: "http_stream json", transport: "http_stream", ...asIs },
  { name: "http_stream protobuf", transport: "http_stream", ...asBytes },
  { name: "sse json", transport: "sse", ...asIs },
];

/**
 * Makes a client of the official library that goes one of the ways.
 * @param {typeof WAYS[number]} way
 * @param {string} base http://host:port
 * @param {object} [options] of the library
 */
export function centrifuge(way, base, options = {}) {
  const scheme = way.transport === "websocket" ? base.replace(/^http/, "ws") : base;
  const endpoint = `${scheme}/connection/${way.transport}`;
  return new way.Centrifuge([{ transport: way.transport, endpoint }], {
    emulationEndpoint: `${base}/emulation`,
    websocket: WebSocket,
    eventsource: EventSource,
    minReconnectDelay: 20,
    maxReconnectDelay: 200,
    ...options,
  });
}

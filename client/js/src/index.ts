export { connect } from "./connection.js";
export type { Connection, ConnectOptions } from "./connection.js";
export type { Store } from "./store.js";

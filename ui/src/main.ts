// The two-pane page: a customer and an agent, each with a connection of his own,
// through the public protocol and nothing else.

import { AgentPane } from "./agent";
import { CustomerPane } from "./customer";
import "./style.css";

/** Takes the first-run token out of the address, so that no history keeps it. */
function takeStartToken(): string {
  const token = new URLSearchParams(location.hash.slice(1)).get("t") ?? "";
  if (token || location.pathname !== "/") history.replaceState(null, "", "/");
  return token;
}

const startToken = takeStartToken();
new CustomerPane(document.getElementById("customer")!).open();
void new AgentPane(document.getElementById("agent")!).open(startToken);

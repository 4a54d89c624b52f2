// The objects of the public protocol, as far as these pages use them.

export interface Author {
  kind: "customer" | "agent" | "bot" | "system";
  id: string;
  name: string;
}

export interface Message {
  number: number;
  id: string;
  author: Author;
  kind: "text" | "system" | "file";
  text: string;
  time: string;
}

export interface Note {
  note: number;
  after: number;
  id: string;
  author: Author;
  text: string;
  time: string;
}

export type ChatState = "queued" | "offered" | "active" | "wrapping" | "closed";
export type Side = "customer" | "agent";

export interface Chat {
  id: string;
  queue: string;
  customer: string;
  agent?: { id: string; name: string };
  state: ChatState;
  subject?: string;
  queued_at: string;
  reason?: string;
  messages: number;
  last_message?: Message;
  delivered: Record<Side, number>;
  seen: Record<Side, number>;
  rating?: { score: number; comment?: string };
  tags?: string[];
  /** Staff's view: the customer was connected and is not any more. */
  customer_gone?: boolean;
}

export interface Offer {
  offer: string;
  chat: Chat;
  deadline: string;
  server_time?: string;
  preview?: string;
}

export type Status = "online" | "away" | "offline";

export interface Position {
  epoch: string;
  offset: number;
}

export interface AgentState {
  agent: { id: string; name: string } | string;
  status: Status;
  reason?: string;
  connected: boolean;
  chats: Chat[];
  offers: Offer[];
  position: Position;
}

export interface VisitorState {
  visitor: string;
  chats: Chat[];
  position: Position;
}

export type ChatPublication =
  | { type: "message"; message: Message }
  | { type: "note"; note: Note }
  | { type: "state" | "details"; chat: Chat }
  | { type: "delivered" | "seen"; side: Side; number: number }
  | { type: "typing"; author: Author; preview?: string };

export type AgentPublication =
  | ({ type: "offer" } & Offer)
  | { type: "offer_end"; offer: string; chat: string; reason: string }
  | { type: "assigned"; chat: Chat }
  | { type: "unassigned"; chat: string; reason: string }
  | { type: "status"; status: Status; reason?: string; connected: boolean };

export type VisitorPublication =
  | { type: "position"; chat: string; position: number; more?: boolean; estimated_wait?: number }
  | { type: "state"; chat: Chat };

export interface Login {
  token: string;
  expires: string;
  user: { id: string; name: string; role: string; workspace: string };
  must_change_password?: boolean;
}

/** The error codes of the realtime protocol after which the same call may succeed later. */
export const temporaryCodes: readonly number[] = [100, 108, 111, 1011, 1012];

/** Makes an id that nobody else makes. It works on plain http as well, where randomUUID does not. */
export function newID(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

// Tokens as an operator's own server signs them (HS256).

import { createHmac } from "node:crypto";

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/**
 * @param {string} secret
 * @param {object} claims
 * @param {number} [life] in seconds; none: the token does not expire
 */
export function sign(secret, claims, life) {
  const exp = life === undefined ? {} : { exp: Math.floor(Date.now() / 1000) + life };
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ ...claims, ...exp })}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

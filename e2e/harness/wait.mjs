// Waiting for conditions. No test sleeps for a guessed time: it says what it
// waits for, and a failure says what did not come.

const POLL_MS = 10;

/**
 * Waits until probe returns something truthy, and returns that.
 * @template T
 * @param {string} what said when it does not come
 * @param {() => T | Promise<T>} probe
 * @param {number} [timeoutMs]
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(what, probe, timeoutMs = 10_000) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/**
 * Waits for one event of an emitter that has once().
 * @param {string} what
 * @param {{once: (name: string, listener: (value: any) => void) => unknown}} emitter
 * @param {string} name
 * @param {number} [timeoutMs]
 */
export function event(what, emitter, name, timeoutMs = 10_000) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms in vain: ${what}`)), timeoutMs);
    emitter.once(name, (value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}

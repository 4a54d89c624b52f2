// How long to wait before the next try.

export class Pace {
  #tries = 0;

  constructor(
    readonly base: number,
    readonly max: number,
    readonly random: () => number = Math.random,
  ) {}

  /** Full jitter: anything up to a bound that doubles, so that clients of a lost node do not come back at once. */
  next(): number {
    return this.random() * Math.min(this.max, this.base * 2 ** this.#tries++);
  }

  reset(): void {
    this.#tries = 0;
  }
}

/** Waits, or until the signal is given: it never fails. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}

/** Returns the begin of the step that a time is in. */
export const stepOf = (at: number, stepMs: number): number => Math.floor(at / stepMs) * stepMs

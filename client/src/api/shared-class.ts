/**
 * Makes `instanceof` true for the instances of a class in every copy of this package in the
 * process. A plugin imports a copy of its own beside that of `tony-mcp plugin run`, and catches the
 * errors of both. A subclass keeps the usual rule.
 */
export function shareClass(shared: new (...args: never[]) => Error, name: string): void {
  const brand = Symbol.for(`@tony/mcp-client ${name}`)
  Object.defineProperty(shared.prototype, brand, { value: true })
  Object.defineProperty(shared, Symbol.hasInstance, {
    // Subclasses inherit this function.
    value(this: unknown, candidate: unknown): boolean {
      if (this !== shared) return Function.prototype[Symbol.hasInstance].call(this, candidate)
      return typeof candidate === 'object' && candidate !== null && brand in candidate
    },
  })
}

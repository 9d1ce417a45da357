import { Client } from 'pg'

/** Collects the texts that this process sends to PostgreSQL. They are sent unchanged. */
export function watchQueries() {
  const texts: string[] = []
  const { query } = Client.prototype
  Client.prototype.query = function (this: Client, ...values: unknown[]) {
    const [first] = values
    texts.push(typeof first === 'string' ? first : String((first as { text?: unknown } | undefined)?.text))
    return Reflect.apply(query, this, values)
  } as typeof query
  const restore = () => {
    Client.prototype.query = query
  }
  return { texts, [Symbol.dispose]: restore }
}

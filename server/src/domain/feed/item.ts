/** One item of a subscription. Its JSON is built once for all subscribers. */
export interface SubscriptionItem<T> {
  /** The cursor with which the subscription resumes after this item; undefined if it cannot. */
  readonly id: string | undefined
  readonly data: T
  json(): string
}

/**
 * The items that are ready at one time. A burst costs one yield of the event loop instead of one
 * for each item.
 */
export type ItemChunk<T> = readonly SubscriptionItem<T>[]

export function toSubscriptionItem<T>(data: T, id?: string): SubscriptionItem<T> {
  let json: string | undefined
  return {
    id,
    data,
    json: () => {
      json ??= JSON.stringify(data)
      return json
    },
  }
}

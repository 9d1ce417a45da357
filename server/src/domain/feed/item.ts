/** One thing a subscription sends. Its JSON is built once, however many subscribers it goes to. */
export interface Item<T> {
  /** Where the subscription resumes after this one, if it can. */
  readonly id: string | undefined
  readonly data: T
  readonly json: () => string
}

/** What a subscription hands over at a time: whatever was ready, so that a burst costs one turn and not one for each. */
export type Chunk<T> = readonly Item<T>[]

export function toItem<T>(data: T, id?: string): Item<T> {
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

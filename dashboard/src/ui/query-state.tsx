import type { ReactNode } from 'react'
import { Button } from './button.tsx'
import { toErrorText } from './error-text.ts'

interface QueryStateProps<T> {
  readonly query: { readonly data: T | undefined; readonly error: unknown; readonly refetch: () => unknown }
  /** A name for the data, until it is there: "the tasks". */
  readonly what: string
  readonly children: (data: T) => ReactNode
}

/** Shows a query: that it is read, why it failed, or its data. */
export function QueryState<T>({ query, what, children }: QueryStateProps<T>) {
  const { data, error } = query
  if (data !== undefined) return children(data)
  if (!error) return <p className="muted">Reading {what} …</p>
  return (
    <div role="alert" className="refusal">
      <p>
        The server did not return {what}: {toErrorText(error)}
      </p>
      <Button onClick={() => void query.refetch()}>Read again</Button>
    </div>
  )
}

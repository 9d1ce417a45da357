import type { ReactNode } from 'react'
import { Button } from './button.tsx'

interface ReadMoreProps {
  readonly query: {
    readonly hasNextPage: boolean
    readonly isFetchingNextPage: boolean
    readonly fetchNextPage: () => unknown
  }
  /** The label; default "Read more". */
  readonly children?: ReactNode
}

/** A button that reads the next page of a list, while there is one. */
export const ReadMore = ({ query, children = 'Read more' }: ReadMoreProps) =>
  query.hasNextPage ? (
    <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
      {children}
    </Button>
  ) : null

import type { ReactNode } from 'react'

interface TableProps {
  /** The titles of the columns. */
  readonly columns: readonly string[]
  /** True if the rows end with a cell of buttons, whose column only a screen reader names. */
  readonly hasActs?: boolean
  /** The rows. */
  readonly children: ReactNode
}

/** A table with a row of titles. It scrolls sideways if the page is narrow. */
export const Table = ({ columns, hasActs = false, children }: TableProps) => (
  <div className="scroll">
    <table>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column} scope="col">
              {column}
            </th>
          ))}
          {hasActs ? (
            <th scope="col">
              <span className="hidden">Acts</span>
            </th>
          ) : null}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  </div>
)

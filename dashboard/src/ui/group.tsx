import type { ReactNode } from 'react'

interface GroupProps {
  readonly label: string
  readonly className?: string
  readonly children: ReactNode
}

/** Controls that belong together, with a name for screen readers. */
export const Group = ({ label, className, children }: GroupProps) => (
  <fieldset className={className} aria-label={label}>
    {children}
  </fieldset>
)

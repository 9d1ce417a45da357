import { toVisible } from './agent-text.tsx'
import { formatJson } from './format.ts'

interface JsonProps {
  readonly label: string
  readonly value: unknown
}

/** Number of characters that are shown before a reader asks for the rest. */
const shortLength = 400

/** A value of an agent as text, folded if it is long. */
export function Json({ label, value }: JsonProps) {
  if (value === null || value === undefined) return null
  const text = toVisible(formatJson(value))
  if (text.length <= shortLength)
    return (
      <figure className="json">
        <figcaption>{label}</figcaption>
        <pre>{text}</pre>
      </figure>
    )
  return (
    <details>
      <summary>
        {label}, {text.length} characters
      </summary>
      <pre>{text}</pre>
    </details>
  )
}

import { toWords } from './format.ts'

/** A status as a word on its color. The color adds nothing that the word does not say. */
export const Status = ({ value }: { readonly value: string }) => (
  <span className={`status ${value}`}>{toWords(value)}</span>
)

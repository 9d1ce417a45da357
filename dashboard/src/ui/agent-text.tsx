/**
 * Characters that are invisible or change the direction of the text around them: controls without
 * tab and line feed, marks and overrides of direction, and spaces without width.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are the ones to show
const invisible = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

const toName = (character: string): string =>
  `⟨U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`

/** Returns a text of an agent with each invisible character by its number. */
export const toVisible = (text: string): string => text.replace(invisible, toName)

/**
 * A text of an agent, always as text. Its direction does not reach the words beside it, and no part
 * of it is hidden from a reader.
 */
export const AgentText = ({ children }: { readonly children: string | null | undefined }) =>
  children == null ? null : <bdi>{toVisible(children)}</bdi>

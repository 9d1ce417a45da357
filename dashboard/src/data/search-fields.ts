/** The fields of a page's address before they are checked: people edit addresses. */
export type AddressFields = Readonly<Record<string, unknown>>

/** Returns the named fields that are texts. Empty and wrong ones are left out. */
export function pickTexts<Name extends string>(
  fields: AddressFields,
  names: readonly Name[],
): { readonly [N in Name]?: string } {
  const texts = names.flatMap((name) => {
    const value = fields[name]
    return typeof value === 'string' && value !== '' ? [[name, value]] : []
  })
  return Object.fromEntries(texts)
}

/** Returns a field if its value is one of these words. */
export function pickWord<Name extends string, const Word extends string>(
  fields: AddressFields,
  name: Name,
  words: readonly Word[],
): { readonly [N in Name]?: Word } {
  const found = words.filter((word) => word === fields[name]).map((word) => [name, word])
  return Object.fromEntries(found)
}

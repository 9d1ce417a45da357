/** The parts of a statement at its top level: outside parentheses and quotes. */
interface TopLevelIndex {
  /** Returns the position of a word after `from`; -1 if it is absent. */
  find(word: string, from?: number): number
  /** Returns the position of the parenthesis that closes the one at `open`. */
  closing(open: number): number
}

function indexTopLevel(text: string): TopLevelIndex {
  const depths: number[] = []
  let depth = 0
  let quote: string | undefined
  for (const character of text) {
    if (quote === undefined && character === ')') depth -= 1
    depths.push(quote === undefined ? depth : Number.POSITIVE_INFINITY)
    if (quote === undefined && character === '(') depth += 1
    // A doubled quote ends a text and begins the next one.
    if (character === quote) quote = undefined
    else if (quote === undefined && (character === '"' || character === "'")) quote = character
    // `depths` has an entry for each unit of the text.
    if (character.length > 1) depths.push(depth)
  }
  const find = (word: string, from = 0): number => {
    for (let at = text.indexOf(word, from); at !== -1; at = text.indexOf(word, at + 1)) if (depths[at] === 0) return at
    return -1
  }
  const closing = (open: number): number => {
    const inside = depths[open] ?? 0
    for (let at = open + 1; at < text.length; at += 1) if (text[at] === ')' && depths[at] === inside) return at
    return -1
  }
  return { find, closing }
}

/** Splits a list at the commas of its top level. */
function splitList(list: string): string[] {
  const { find } = indexTopLevel(list)
  const entries: string[] = []
  let start = 0
  for (let comma = find(','); comma !== -1; comma = find(',', start)) {
    entries.push(list.slice(start, comma).trim())
    start = comma + 1
  }
  return [...entries, list.slice(start).trim()]
}

/** Replaces each parameter by a column of the rows that the set form reads. */
const replaceParameters = (text: string): string => text.replaceAll(/\$(\d+)/g, '"given"."p$1"')

function insertForm(text: string, rows: string): string | undefined {
  const { find, closing } = indexTopLevel(text)
  const valuesAt = find(' values (')
  const columnsAt = text.indexOf('(')
  if (valuesAt === -1 || columnsAt > valuesAt) return undefined
  const listAt = valuesAt + ' values '.length
  const end = closing(listAt)
  const returning = text.slice(end + 1)
  // It has more rows, or a case of conflict, after which a row of parameters may have no result.
  if (returning !== '' && !returning.startsWith(' returning ')) return undefined
  const columns = splitList(text.slice(columnsAt + 1, closing(columnsAt)))
  const list = splitList(text.slice(listAt + 1, end))
  const stored = columns.flatMap((column, index) => (list[index] === 'default' ? [] : [{ column, value: list[index] }]))
  const into = `${text.slice(0, columnsAt)}(${stored.map(({ column }) => column).join(', ')})`
  // Identity columns number the rows in this order.
  const values = stored.map(({ value }) => replaceParameters(value ?? '')).join(', ')
  return `${into} select ${values} from ${rows} order by "given"."nth"${returning}`
}

function updateForm(text: string, rows: string): string | undefined {
  const { find } = indexTopLevel(text)
  const where = find(' where ')
  const returning = find(' returning ')
  if (where === -1 || returning < where) return undefined
  return `${replaceParameters(text.slice(0, where))} from ${rows}${replaceParameters(text.slice(where))}, "given"."nth"`
}

/**
 * Rewrites a statement to its set form, which does the work of many executions in one round trip:
 * each parameter becomes an array with one value for each execution. A result row ends with the
 * number of its execution, counted from 1. The rows of an insert have no number, but the order of
 * the executions. Returns undefined if the statement has no set form. `types` are the types of the
 * parameters.
 */
export function setFormOf(text: string, types: readonly string[]): string | undefined {
  if (types.length === 0) return undefined
  const arrays = types.map((type, index) => `$${index + 1}::${type}[]`).join(', ')
  const names = types.map((_, index) => `"p${index + 1}", `).join('')
  const rows = `unnest(${arrays}) with ordinality as "given"(${names}"nth")`
  if (text.startsWith('insert into ')) return insertForm(text, rows)
  if (text.startsWith('update ')) return updateForm(text, rows)
  if (text.startsWith('select '))
    return `select "found".*, "given"."nth" from ${rows}, lateral (${replaceParameters(text)}) as "found"`
  return undefined
}

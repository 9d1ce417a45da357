import { z } from 'zod'

/** Words of other programs for an argument, by the word of these tools. */
const synonyms: Readonly<Record<string, readonly string[]>> = {
  dependsOn: ['after', 'blockedBy', 'dependencies', 'deps', 'needs', 'waitsFor'],
  waitSeconds: ['wait', 'timeout', 'timeoutSeconds', 'waitMs'],
  text: ['message', 'body', 'content', 'payload'],
  to: ['recipient', 'agent', 'target'],
  taskId: ['id', 'task'],
  messageId: ['id', 'message'],
  result: ['output', 'summary'],
  why: ['reason', 'error', 'note'],
  notes: ['details', 'handover'],
  title: ['name', 'subject'],
  assignedTo: ['assignee', 'agent', 'owner'],
  requires: ['capabilities', 'skills'],
  epic: ['group', 'milestone'],
}

/** Returns a name without its case and its separators. */
const plainNameOf = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')

/** The number of single changes between two words: Levenshtein's distance. */
function editDistanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j += 1)
      next.push(Math.min((row[j] ?? 0) + (letter === b[j] ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    row = next
  }
  return row[b.length] ?? 0
}

/** Returns the argument that was probably meant; undefined if none is near. */
function findNearestArgument(unknown: string, known: readonly string[]): string | undefined {
  const word = plainNameOf(unknown)
  const isSynonym = (name: string) => (synonyms[name] ?? []).some((synonym) => plainNameOf(synonym) === word)
  const meant = known.find((name) => plainNameOf(name) === word) ?? known.find(isSynonym)
  if (meant !== undefined) return meant
  const ranked = known
    .map((name) => ({ name, changes: editDistanceOf(word, plainNameOf(name)) }))
    .toSorted((one, other) => one.changes - other.changes)
  const [best] = ranked
  return best && best.changes <= Math.max(1, Math.floor(word.length / 3)) ? best.name : undefined
}

/** The arguments that a schema knows at a path of its input. */
function knownArgumentsAt(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let at: z.core.JSONSchema._JSONSchema | undefined = z.toJSONSchema(schema, { io: 'input' })
  for (const step of path) {
    if (typeof at !== 'object') return []
    const { items, properties }: z.core.JSONSchema.BaseSchema = at
    at = typeof step === 'number' ? (Array.isArray(items) ? items[0] : items) : properties?.[String(step)]
  }
  return typeof at === 'object' ? Object.keys(at.properties ?? {}) : []
}

const pathTextOf = (path: readonly PropertyKey[]): string =>
  path
    .reduce<string>((place, step) => (typeof step === 'number' ? `${place}[${step}]` : `${place}.${String(step)}`), '')
    .replace(/^\./, '')

/** Returns the text of one problem of an input: its place, and the argument that was meant. */
export function inputIssueText(schema: z.ZodType, issue: z.core.$ZodIssue): string {
  const place = pathTextOf(issue.path)
  if (issue.code !== 'unrecognized_keys') return place === '' ? issue.message : `${place}: ${issue.message}`
  const known = knownArgumentsAt(schema, issue.path)
  const names = issue.keys.map((key) => {
    const meant = findNearestArgument(key, known)
    return meant === undefined ? `"${key}"` : `"${key}": did you mean "${meant}"?`
  })
  const listed = names.join(', ')
  const sentence = listed.endsWith('?') ? listed : `${listed}.`
  const hint = `It takes ${known.map((name) => `"${name}"`).join(', ') || 'no arguments'}`
  return `unknown argument${place === '' ? '' : ` in ${place}`} ${sentence} ${hint}`
}

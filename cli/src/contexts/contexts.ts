import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CommandError } from '../command-error.ts'
import { isRecord } from '../is-record.ts'
import { configFolder } from './config-folder.ts'

/** A server with the caller's project and credential. The credential stays in its own file. */
export interface SavedContext {
  readonly url: string
  readonly project?: string
  readonly tokenFile?: string
}

export interface SavedContexts {
  /** Name of the context that commands use; undefined if they use none. */
  readonly current: string | undefined
  readonly byName: ReadonlyMap<string, SavedContext>
}

export const contextsFile = (): string => join(configFolder(), 'contexts.json')

const nonEmptyTextOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

function toContext(value: unknown): SavedContext | undefined {
  if (!isRecord(value)) return undefined
  const [url, project, tokenFile] = [
    nonEmptyTextOf(value['url']),
    nonEmptyTextOf(value['project']),
    nonEmptyTextOf(value['tokenFile']),
  ]
  if (url === undefined) return undefined
  return { url, ...(project === undefined ? {} : { project }), ...(tokenFile === undefined ? {} : { tokenFile }) }
}

function parseContextsFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new CommandError(2, `${file} cannot be read: mend it, or remove it and add the contexts again`, { cause })
  }
}

/** Reads the contexts of this user. Throws CommandError if the file is not readable. */
export function readContexts(): SavedContexts {
  const file = contextsFile()
  if (!existsSync(file)) return { current: undefined, byName: new Map() }
  const stored = parseContextsFile(file)
  const contexts = isRecord(stored) && isRecord(stored['contexts']) ? stored['contexts'] : {}
  const entries = Object.entries(contexts).flatMap(([name, value]): [string, SavedContext][] => {
    const context = toContext(value)
    return context === undefined ? [] : [[name, context]]
  })
  return { current: isRecord(stored) ? nonEmptyTextOf(stored['current']) : undefined, byName: new Map(entries) }
}

/** Writes the contexts. Only this user can read the file. */
export function writeContexts({ current, byName }: SavedContexts): void {
  const file = contextsFile()
  mkdirSync(configFolder(), { recursive: true, mode: 0o700 })
  const text = JSON.stringify({ ...(current === undefined ? {} : { current }), contexts: Object.fromEntries(byName) })
  // A crash between the two leaves the old file.
  writeFileSync(`${file}.${process.pid}`, `${text}\n`, { mode: 0o600 })
  renameSync(`${file}.${process.pid}`, file)
}

/** Returns a context by its name. Throws CommandError if there is none. */
export function requireContext({ byName }: SavedContexts, name: string): SavedContext {
  const context = byName.get(name)
  if (context) return context
  const known = byName.size === 0 ? 'there are none' : `there are ${[...byName.keys()].join(', ')}`
  throw new CommandError(3, `there is no context "${name}": ${known}`)
}

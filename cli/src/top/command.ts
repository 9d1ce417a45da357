import type { Command } from 'commander'
import { printJson } from '../output/json.ts'
import { addCommand, setCommandAction, withClient } from '../verbs/verb.ts'
import { readBoard } from './board.ts'
import { formatBoard } from './format.ts'

/** Adds `tony-mcp top`. */
export function addTopCommand(tony: Command): void {
  const addOptions = (command: Command) =>
    command.option('--once', 'print it once and end, as without a terminal or with --json')
  const command = addCommand(tony, { name: 'top', description: '', addOptions })
  setCommandAction<{ readonly once?: boolean }>(command, '', (_, { once, json, ...options }) =>
    withClient(options, async (client) => {
      if (!once && !json && process.stdout.isTTY) return (await import('./live.ts')).showLive(client)
      const board = await readBoard(client)
      if (json) return printJson(board, json)
      process.stdout.write(`${formatBoard(board).join('\n')}\n`)
    }),
  )
}

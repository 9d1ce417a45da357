import { defaultMaxStarvationMs } from '@tony/mcp-shared/tasks'
import fc from 'fast-check'
import { act, agentOf, number, weighted } from './acts.ts'
import { creatingFrom, lockingSpecs } from './creating.commands.ts'
import { holdCommands } from './lifecycle.commands.ts'
import type { Play } from './play.ts'
import { drain, type Scope, setPools, setStopped } from './stops.model.ts'
import { under, workCommands } from './tasks.commands.ts'
import { lock } from './tasks.held.model.ts'

/**
 * There are few locks, so that they conflict: keys, paths above and below each other, and pools of
 * one slot and of two.
 */
const all = [
  'port:1',
  'db:users',
  'file:',
  'file:src',
  'file:src/auth',
  'file:src/auth/token.ts',
  'file:srcs',
  'file:docs',
  'pool:one',
  'pool:two',
] as const

const locks = fc.uniqueArray(fc.constantFrom(...all), { minLength: 0, maxLength: 3 })

const locking = under(
  'tasks.lock',
  fc.uniqueArray(fc.constantFrom(...all), { minLength: 1, maxLength: 3 }),
  (wanted) => ({
    input: () => ({ locks: wanted }),
    predict: ({ state }, agent, lease) => lock(state, agent, lease, wanted),
  }),
)

const projectOf = ({ world }: Play) => ({ id: world.project })

export const resize = (play: Play, pools: Readonly<Record<string, number>>) =>
  play.call(undefined, 'projects.setPools', { pools }, () => setPools(play.state, projectOf(play), pools))

const resizing = act(
  'projects.setPools',
  fc.record({ pool: fc.constantFrom('one', 'two'), size: fc.constantFrom(0, 1, 2, 3) }),
  (play, { pool, size }) => resize(play, { [pool]: size }),
)

/** Returns a scope for the model, and as the input of a call. */
function scopeOf(play: Play, what: 'agent' | 'epic' | 'all', index: number): { scope: Scope; input: object } {
  const agent = agentOf(play, index)
  if (what === 'agent') return { scope: { agent }, input: { agent: agent.id } }
  return what === 'epic'
    ? { scope: { epic: 'e1' }, input: { epic: 'e1' } }
    : { scope: { project: projectOf(play) }, input: { all: true } }
}

export const pausing = act(
  'agents.pause',
  fc.record({ agent: number, what: fc.constantFrom('agent', 'epic', 'all'), stop: fc.boolean() }),
  async (play, { agent, what, stop }) => {
    const { scope, input } = scopeOf(play, what, agent)
    await play.call(undefined, stop ? 'agents.pause' : 'agents.resume', input, () =>
      setStopped(play.state, scope, stop),
    )
  },
)

const draining = act('agents.drain', number, async (play, index) => {
  const agent = agentOf(play, index)
  await play.call(undefined, 'agents.drain', { agent: agent.id }, () => drain(play.state, agent))
})

/** Advances the clock until `low` tasks age. */
const ageing = act('advance', fc.constant(defaultMaxStarvationMs), (play, ms) => play.advance(ms))

export const lockCommands = [
  ...weighted(
    [8, creatingFrom(lockingSpecs(locks))],
    [4, locking],
    [2, resizing],
    [2, pausing],
    [1, draining],
    [2, ageing],
  ),
  ...holdCommands,
  ...workCommands,
]

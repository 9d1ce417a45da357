import type { Fault } from '../../model/sabotage/fault.ts'

/**
 * Settings of the store for a recorded run, planted like faults: frequent checkpoints by the worker
 * and the writer.
 */
export const frequentCheckpoints: readonly Fault[] = [
  {
    name: 'the worker checkpoints every 20 ms',
    file: 'server/src/store/sqlite/checkpoint-worker.ts',
    find: '}, 250)',
    replace: '}, 20)',
  },
  {
    name: 'the writer checkpoints a log of 200 pages',
    file: 'server/src/store/sqlite/checkpoint-runner.ts',
    find: 'const walBackstopPages = 16_384',
    replace: 'const walBackstopPages = 200',
  },
]

import { familyFaults } from './family-faults.ts'
import type { Fault, Suite } from './fault.ts'
import { feedFaults } from './feed-faults.ts'
import { lifecycleFaults } from './lifecycle-faults.ts'
import { lockFaults } from './lock-faults.ts'
import { messageFaults } from './message-faults.ts'
import { taskFaults } from './task-faults.ts'

export const faults: readonly (Fault & { readonly suite: Suite })[] = [
  ...taskFaults.map((fault) => ({ ...fault, suite: 'tasks' as const })),
  ...lifecycleFaults.map((fault) => ({ ...fault, suite: 'tasks' as const })),
  ...familyFaults.map((fault) => ({ ...fault, suite: 'families' as const })),
  ...lockFaults.map((fault) => ({ ...fault, suite: 'locks' as const })),
  ...messageFaults.map((fault) => ({ ...fault, suite: 'messages' as const })),
  ...feedFaults.map((fault) => ({ ...fault, suite: 'feed' as const })),
]

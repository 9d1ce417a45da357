import type { Checker } from './checker.ts'
import { violation } from './violation.ts'

export const counters: Checker = (_recorded, stored) =>
  stored.miscounts.map(({ rule, subject, ...evidence }) => violation(rule, subject, evidence))

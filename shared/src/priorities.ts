import { z } from 'zod'

/** Highest first. The index is the rank by which the store orders. */
export const priorities = ['critical', 'high', 'normal', 'low'] as const

export type Priority = (typeof priorities)[number]

/** A priority on input: `urgent` means `critical` and `medium` means `normal`. */
export const priority = z
  .enum([...priorities, 'urgent', 'medium'])
  .transform((value): Priority => (value === 'urgent' ? 'critical' : value === 'medium' ? 'normal' : value))

/** A priority on output: always the canonical word. */
export const canonicalPriority = z.enum(priorities)

/** Returns 0 for `critical` to 3 for `low`. */
export const rankOfPriority = (value: Priority): number => priorities.indexOf(value)

export const priorityOfRank = (rank: number): Priority => priorities[rank] ?? 'low'

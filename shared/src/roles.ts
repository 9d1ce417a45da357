import { z } from 'zod'

/** Lowest first. Only credentials can have the role `admin`; agents cannot. */
export const roles = ['observer', 'tester', 'developer', 'tech-lead', 'admin'] as const

export type Role = (typeof roles)[number]

const rankByRole: Readonly<Record<Role, number>> = { observer: 0, tester: 1, developer: 1, 'tech-lead': 2, admin: 3 }

/** True if a role is not above a ceiling. `tester` and `developer` have the same rank. */
export const isRoleAtMost = (role: Role, ceiling: Role): boolean => rankByRole[role] <= rankByRole[ceiling]

/** A role that an agent can have. */
export const agentRole = z.enum(['observer', 'tester', 'developer', 'tech-lead'])

const roleByType: Readonly<Record<string, Role>> = {
  'tech-lead': 'tech-lead',
  implementation: 'developer',
  developer: 'developer',
  frontend: 'developer',
  backend: 'developer',
  database: 'developer',
  devops: 'developer',
  documentation: 'developer',
  worker: 'developer',
  qa: 'tester',
  testing: 'tester',
  tester: 'tester',
  security: 'tester',
}

/** Returns the role of an agent that asks for none, by its type; `observer` for an unknown type. */
export const defaultRoleOf = (type: string): Role =>
  roleByType[type.replace(/-agent$/, '').replace(/-tony$/, '')] ?? 'observer'

import { z } from 'zod'

/** Lowest first. `admin` is for credentials only: no agent can hold it. */
export const roles = ['observer', 'tester', 'developer', 'tech-lead', 'admin'] as const

export type Role = (typeof roles)[number]

const rank: Readonly<Record<Role, number>> = { observer: 0, tester: 1, developer: 1, 'tech-lead': 2, admin: 3 }

/** Whether a role is at or under another. A tester and a developer are on one step. */
export const isAtMost = (role: Role, ceiling: Role): boolean => rank[role] <= rank[ceiling]

/** A role an agent can hold. */
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

/** The role an agent of this type gets when it asks for none: `observer` for a type that is not known. */
export const defaultRole = (type: string): Role =>
  roleByType[type.replace(/-agent$/, '').replace(/-tony$/, '')] ?? 'observer'

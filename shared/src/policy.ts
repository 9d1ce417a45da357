import type { Role } from './roles.ts'

/**
 * Permissions of each role in addition to the lower roles. A tester also has a developer's
 * permissions.
 */
const addedPermissions = {
  observer: [
    'projects:read',
    'agents:read',
    'agents:heartbeat',
    'agents:update',
    'agents:leave',
    'tasks:read',
    'events:read',
    'messages:read',
    'messages:receive',
    'health:report',
    'health:read',
    'system:read',
    'auth:self',
  ],
  tester: ['tasks:verify'],
  developer: ['tasks:create', 'tasks:work', 'messages:send', 'requests:write'],
  'tech-lead': [
    'projects:run',
    'agents:register',
    'agents:run',
    'agents:remove',
    'plans:write',
    'tasks:manage',
    'tasks:cancel',
    'dead_letters:write',
    'sessions:read',
    'sessions:revoke',
    'audit:read',
    'webhooks:read',
    'webhooks:write',
  ],
  admin: ['projects:write', 'keys:read', 'keys:write', 'system:backup'],
} as const satisfies Record<Role, readonly string[]>

/** A permission `resource:action`. Every procedure requires one. */
export type Permission = (typeof addedPermissions)[Role][number]

/** All permissions, in the order of the lowest role that has them. */
export const permissions: readonly Permission[] = [
  ...addedPermissions.observer,
  ...addedPermissions.tester,
  ...addedPermissions.developer,
  ...addedPermissions['tech-lead'],
  ...addedPermissions.admin,
]

const inheritedRoles: Readonly<Record<Role, readonly Role[]>> = {
  observer: ['observer'],
  tester: ['observer', 'developer', 'tester'],
  developer: ['observer', 'developer'],
  'tech-lead': ['observer', 'developer', 'tester', 'tech-lead'],
  admin: ['observer', 'developer', 'tester', 'tech-lead', 'admin'],
}

const permissionsOf = (role: Role): ReadonlySet<Permission> =>
  new Set(inheritedRoles[role].flatMap((step) => [...addedPermissions[step]]))

/** All permissions of each role. */
export const policy: Readonly<Record<Role, ReadonlySet<Permission>>> = {
  observer: permissionsOf('observer'),
  tester: permissionsOf('tester'),
  developer: permissionsOf('developer'),
  'tech-lead': permissionsOf('tech-lead'),
  admin: permissionsOf('admin'),
}

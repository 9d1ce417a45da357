/** A page in the navigation and in the palette. */
export interface NavigationEntry {
  readonly path:
    | '/'
    | '/fleet'
    | '/tasks'
    | '/plan'
    | '/messages'
    | '/feed'
    | '/locks'
    | '/throughput'
    | '/access'
    | '/connect'
    | '/system'
  readonly title: string
  /** The letter that opens the page after `g`. */
  readonly key: string
  /** What the page answers, for the palette. */
  readonly about: string
}

export const navigation: readonly NavigationEntry[] = [
  { path: '/', title: 'Needs you', key: 'n', about: 'questions, reviews, dead letters and stuck tasks' },
  { path: '/fleet', title: 'Fleet', key: 'f', about: 'who does what, for how long' },
  { path: '/tasks', title: 'Tasks', key: 't', about: 'all tasks as a table or a board' },
  { path: '/plan', title: 'Plan', key: 'p', about: 'epics and trees, and what holds them back' },
  { path: '/messages', title: 'Messages', key: 'm', about: 'threads, receipts and dead letters' },
  { path: '/feed', title: 'Feed', key: 'e', about: 'every event as it commits' },
  { path: '/locks', title: 'Locks', key: 'l', about: 'who holds a lock or a pool, and who waits for it' },
  { path: '/throughput', title: 'Throughput', key: 'r', about: 'depth, ages, rates and failures over time' },
  { path: '/access', title: 'Access', key: 'a', about: 'keys, sessions and the audit' },
  { path: '/connect', title: 'Connect', key: 'c', about: 'the command for each host' },
  { path: '/system', title: 'System', key: 's', about: 'the server, its store and its counts' },
]

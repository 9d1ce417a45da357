import { useQuery } from '@tanstack/react-query'
import type { Api } from '@tony/mcp-client'
import { useAct } from '../../data/use-act.ts'
import { useInvalidation } from '../../data/use-feed.ts'
import { useCan, useSession } from '../../session/session.ts'
import { Button } from '../../ui/button.tsx'
import { formatCount, formatDuration, toWords } from '../../ui/format.ts'
import { QueryState } from '../../ui/query-state.tsx'
import { useHistory } from '../throughput/use-history.ts'

type Info = Awaited<ReturnType<Api['system']['info']>>
type Stats = Awaited<ReturnType<Api['system']['metrics']>>

/** The server itself: version, durability, counts and backups. */
export function SystemPage() {
  const { client } = useSession()
  const info = useQuery({ queryKey: ['system', 'info'], staleTime: 0, queryFn: () => client.system.info({}) })
  useInvalidation(['system', 'metrics'], /^(task|message|agent)\./, 2_000)
  const metrics = useQuery({ queryKey: ['system', 'metrics'], queryFn: () => client.system.metrics({}) })
  return (
    <section className="page">
      <h1>System</h1>
      <QueryState query={info} what="the state of the server">
        {(data) => <InfoList info={data} />}
      </QueryState>
      <StoreCard />
      <QueryState query={metrics} what="the counts">
        {(data) => <Counts stats={data} />}
      </QueryState>
    </section>
  )
}

const durabilityTexts: Readonly<Record<Info['durability'], string>> = {
  disk: 'an acknowledged write survives a power cut',
  process: 'an acknowledged write survives a crash of the process, but perhaps no power cut',
}

const InfoList = ({ info }: { readonly info: Info }) => (
  <dl className="facts">
    <dt>Version</dt>
    <dd>
      {info.version}, protocol {info.protocolVersion}
    </dd>
    <dt>Mode</dt>
    <dd>{info.mode}</dd>
    <dt>Runs for</dt>
    <dd>{formatDuration(info.uptimeMs)}</dd>
    <dt>Durability</dt>
    <dd>{durabilityTexts[info.durability]}</dd>
  </dl>
)

/** The size of the database now and an hour ago, and a backup of it. */
function StoreCard() {
  const { data } = useHistory('1h')
  const known = data?.databaseBytes.filter((bytes) => bytes !== null) ?? []
  const [first, last] = [known[0], known.at(-1)]
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`
  return (
    <section className="card" aria-labelledby="store">
      <h2 id="store">Store</h2>
      {first === undefined || last === undefined ? (
        <p className="muted">The size of the database is known after some seconds.</p>
      ) : (
        <p>
          The database has {megabytes(last)}; in the last hour it grew by {megabytes(last - first)}.
        </p>
      )}
      <BackupButton />
      <p className="muted">
        <code>tony-mcp doctor</code> checks the files, and <code>tony-mcp backup</code> writes a copy elsewhere.
      </p>
    </section>
  )
}

function BackupButton() {
  const can = useCan()
  const backup = useAct<undefined>({
    run: (client) => client.system.backup({}),
    done: () => 'A checked backup is on the disk of the server.',
  })
  if (!can('system:backup')) return null
  return (
    <Button disabled={backup.isPending} onClick={() => backup.mutate(undefined)}>
      {backup.isPending ? 'Writing a backup …' : 'Back up now'}
    </Button>
  )
}

function Counts({ stats }: { readonly stats: Stats }) {
  const groups = [
    { title: 'Tasks', counts: stats.tasks.byStatus },
    { title: 'Messages', counts: stats.messages },
    { title: 'Agents', counts: stats.agents.byStatus },
    { title: 'Feed', counts: { events: stats.events } },
  ]
  return (
    <div className="charts">
      {groups.map(({ title, counts }) => (
        <section key={title} className="card" aria-label={title}>
          <h2>{title}</h2>
          <dl className="facts">
            {Object.entries(counts).map(([name, count]) => (
              <div key={name}>
                <dt>{toWords(name)}</dt>
                <dd>{formatCount(count)}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </div>
  )
}

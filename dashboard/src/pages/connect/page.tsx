import { type HostName, hostNames, hostNextSteps } from '@tony/mcp-shared/hosts'
import { useState } from 'react'
import { now } from '../../clock.ts'
import { useAgents } from '../../data/use-names.ts'
import { readServerUrl } from '../../session/credential.ts'
import { useSession } from '../../session/session.ts'
import { Age } from '../../ui/age.tsx'
import { AgentText } from '../../ui/agent-text.tsx'
import { Button } from '../../ui/button.tsx'
import { showToast } from '../../ui/toast.tsx'

const hostTitles: Readonly<Record<HostName, string>> = {
  'claude-code': 'Claude Code',
  codex: 'Codex',
  cursor: 'Cursor',
  gemini: 'Gemini CLI',
  vscode: 'VS Code',
}

/** Returns the part of a command that names this server. A dev server needs no key. */
function serverOptions(mode: 'dev' | 'serve'): string {
  const key = mode === 'dev' ? '' : ' --token-file ~/.config/tony/key'
  return `--url ${readServerUrl()}${key}`
}

/** The command for each host, and the first contact of each new agent as it happens. */
export function ConnectPage() {
  const { server } = useSession()
  const options = serverOptions(server.mode)
  return (
    <section className="page">
      <h1>Connect</h1>
      {server.mode === 'dev' ? null : (
        <p>
          Make an enrolment key on the page Access, and put it into <code>~/.config/tony/key</code> on the machine of
          the agent.
        </p>
      )}
      <ul className="cards" aria-label="Hosts">
        {hostNames.map((host) => (
          <Host
            key={host}
            title={hostTitles[host]}
            command={`npx tony-mcp mcp install --client ${host} ${options}`}
            after={`Then ${hostNextSteps[host]}.`}
          />
        ))}
        <Host
          title="Any other host of MCP"
          command={`npx tony-mcp mcp ${options}`}
          after="Enter it as the command of a server that talks over standard input and output."
        />
        <Host
          title="A worker without a host"
          command={`npx tony-mcp run ${options} --name worker-1 -- sh -c 'echo "$TONY_TASK_ID"'`}
          after="It runs the command once for each task."
        />
      </ul>
      <FirstContacts />
    </section>
  )
}

interface HostProps {
  readonly title: string
  readonly command: string
  readonly after: string
}

const Host = ({ title, command, after }: HostProps) => (
  <li className="card">
    <header>
      <h2>{title}</h2>
      <Button aria-label={`Copy the command for ${title}`} onClick={() => void copy(command)}>
        Copy
      </Button>
    </header>
    <pre>{command}</pre>
    <p className="muted">{after}</p>
  </li>
)

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
    showToast('The command is copied.')
  } catch {
    showToast('The browser does not allow to copy here: select the command.', true)
  }
}

/** Number of agents that are listed. */
const contactLimit = 10

/** The agents that registered last. A new one appears with its first call. */
function FirstContacts() {
  const { data } = useAgents()
  const [since] = useState(() => new Date(now()).toISOString())
  const newest = (data?.agents ?? [])
    .toSorted((a, b) => b.registeredAt.localeCompare(a.registeredAt))
    .slice(0, contactLimit)
  return (
    <section aria-labelledby="contacts">
      <h2 id="contacts">First contact</h2>
      <div role="status">
        {newest.length === 0 ? <p>No agent has made contact yet. This list shows it as it happens.</p> : null}
        <ul>
          {newest.map(({ id, name, registeredAt }) => (
            <li key={id}>
              <b>
                <AgentText>{name}</AgentText>
              </b>
              : first contact at{' '}
              <time dateTime={registeredAt}>{new Date(registeredAt).toLocaleTimeString('en', { hour12: false })}</time>,{' '}
              <Age at={registeredAt} /> ago{registeredAt > since ? ' — new' : ''}
            </li>
          ))}
        </ul>
      </div>
    </section>
  )
}

import { useSyncExternalStore } from 'react'
import { startTimer } from '../clock.ts'

interface Toast {
  readonly id: number
  readonly text: string
  readonly isError: boolean
}

let toasts: readonly Toast[] = []
let lastId = 0
const listeners = new Set<() => void>()

function setToasts(next: readonly Toast[]): void {
  toasts = next
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

const dismiss = (id: number): void => setToasts(toasts.filter((toast) => toast.id !== id))

/** Time for which a result is shown, in milliseconds. An error stays until it is dismissed. */
const shownMs = 5_000

/** Shows the outcome of an act below the page. */
export function showToast(text: string, isError = false): void {
  lastId += 1
  const id = lastId
  setToasts([...toasts.slice(-4), { id, text, isError }])
  if (!isError) startTimer(shownMs, () => dismiss(id))
}

export function ToastRegion() {
  const shown = useSyncExternalStore(subscribe, () => toasts)
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map(({ id, text, isError }) => (
        <p key={id} className={isError ? 'toast refusal' : 'toast'}>
          {text}
          <button type="button" className="plain" onClick={() => dismiss(id)}>
            Dismiss
          </button>
        </p>
      ))}
    </div>
  )
}

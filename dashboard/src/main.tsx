import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app/app.tsx'
import { applyTheme, readTheme } from './app/theme.ts'
import { followLinkedKeys } from './session/credential.ts'

applyTheme(readTheme())
followLinkedKeys()
const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  )
}

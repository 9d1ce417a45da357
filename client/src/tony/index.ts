export type { ServerOptions } from './environment.ts'
export {
  capabilitiesByType,
  type IntegrationOptions,
  initializeTonyMCP,
  TonyMCPIntegration,
  tonyMCP,
} from './integration.ts'
export {
  type AgentHandlers,
  MCPNetworkClient,
  MinimalMCPServer,
  MinimalMCPServer as MinimalMCPServerImpl,
  minimalMCPServer,
} from './network-client.ts'
export type {
  AgentConfig,
  AgentInfo,
  AgentMessage,
  AgentMetrics,
  AgentRegistration,
  AgentStatus,
  HealthStatus,
  MCP,
  MCPError,
  MCPRequest,
  MCPResponse,
  TonyTask,
} from './shapes.ts'

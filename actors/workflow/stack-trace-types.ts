/** Where a workflow waits, in the form of Temporal's enhanced stack trace. */
export interface EnhancedStackTrace {
  sdk: StackTraceSDKInfo
  /** Slices of source files by path; empty here. */
  sources: Record<string, StackTraceFileSlice[]>
  stacks: StackTrace[]
}

export interface StackTraceSDKInfo {
  name: string
  version: string
}

export interface StackTraceFileSlice {
  line_offset: number
  content: string
}

export interface StackTrace {
  locations: StackTraceFileLocation[]
}

export interface StackTraceFileLocation {
  file_path?: string
  line?: number
  column?: number
  function_name?: string
  /** Code of a package rather than the workflow's. */
  internal_code: boolean
}

/** What the metadata query answers. */
export interface WorkflowMetadata {
  definition: {
    type: string
    queryDefinitions: HandlerMetadata[]
    signalDefinitions: HandlerMetadata[]
    updateDefinitions: HandlerMetadata[]
  }
  currentDetails: string
}

interface HandlerMetadata {
  name: string
  description?: string
}

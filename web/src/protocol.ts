/** What the page asks of its worker. */
export type Ask =
    | { kind: "connect"; base: string; token?: string }
    | { kind: "classify"; deployment: string; pixels: Uint8Array }
    | { kind: "forget" };

/** What the worker tells the page. */
export type Tell =
    | { kind: "offers"; offers: Description[] }
    | { kind: "notice"; words: string; share?: number }
    | { kind: "result"; result: Result }
    | { kind: "forgotten" }
    | { kind: "failure"; failure: Failure };

/** A deployment that the page can use. */
export interface Description {
    id: string;
    name: string;
    height: number;
    width: number;
    bound: string;
    thresholds: number[];
    parameters: string;
}

/** A share of the time. */
export interface Stage {
    name: string;
    milliseconds: number;
}

/** A classified picture. */
export interface Result {
    classes: string[];
    logits: bigint[];
    outputScale: number;
    noiseBudgetBits: number;
    stages: Stage[];
    serverStages: Stage[];
    requestBytes: number;
    responseBytes: number;
    /** 0 if there are none. */
    keyBytes: number;
    /** False if the service had them already. */
    sentKeys: boolean;
    /** The first encrypted bytes of the request, behind its header. */
    glimpse: Uint8Array;
}

/** A failure in words, and what the user can do. */
export interface Failure {
    title: string;
    detail: string;
    /** True if an access token may help. */
    wantsToken: boolean;
    /** True if trying again may help. */
    canRetry: boolean;
}

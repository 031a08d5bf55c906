/** Finds an element of the page by its id. */
export function element<T extends HTMLElement>(id: string, kind: new () => T): T {
    const found = document.getElementById(id);
    if (!(found instanceof kind)) {
        throw new Error(`the page has no ${kind.name} of the name ${id}`);
    }
    return found;
}

/** Shows or hides an element. */
export function show(element: HTMLElement, isShown: boolean): void {
    element.hidden = !isShown;
}

/** Makes an element with text. */
export function made<K extends keyof HTMLElementTagNameMap>(name: K, text = "", kind = ""): HTMLElementTagNameMap[K] {
    const made = document.createElement(name);
    made.textContent = text;
    made.className = kind;
    return made;
}

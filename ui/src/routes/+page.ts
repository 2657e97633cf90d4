export const load = () => ({ title: 'Fleet', crumbs: [{ label: 'Fleet' }] });

//! Every file of `tests/bad_config` and exactly what is said about it.

/// File name and the whole text of the error, one line per mistake.
pub(crate) const BAD_FILES: &[(&str, &str)] = &[
    (
        "account-both-collectors-disabled.yml",
        "accounts[0]: engagement_activity and sla are both disabled, so that nothing is asked; enable one or remove the account",
    ),
    (
        "account-id-missing.yml",
        "accounts[0].id: is missing; give the account id (site id) that LivePerson gave you",
    ),
    (
        "account-id-twice.yml",
        "accounts[1].id: 12345678 is also the id of accounts[0]",
    ),
    (
        "account-id-with-a-slash.yml",
        "accounts[0].id: 1/../2 is not an account id: 1 to 64 letters, digits, _ or -",
    ),
    (
        "account-nothing.yml",
        "accounts[0]: nothing where a map is wanted",
    ),
    (
        "account-skill-agents-without-skills.yml",
        "accounts[0].engagement_activity: skill_agents: true needs skills, which are none; select skills or set skill_agents: false",
    ),
    (
        "account-sla-bucket-not-multiple-of-5.yml",
        "accounts[0].sla.buckets[0]: 12 is not a multiple of 5",
    ),
    (
        "account-sla-nothing-to-ask.yml",
        "accounts[0].sla: account: false, skills: none and groups: none leave nothing to ask; select one of them or set enabled: false",
    ),
    (
        "account-unknown-key.yml",
        "accounts[0].host: unknown key; did you mean hosts?",
    ),
    (
        "accounts-empty.yml",
        "accounts: no account is given; give at least one, with id and auth",
    ),
    (
        "accounts-missing.yml",
        "accounts: no account is given; give at least one, with id and auth",
    ),
    (
        "accounts-not-a-list.yml",
        "accounts: a map where a list is wanted",
    ),
    (
        "alias-bomb.yml",
        "tests/bad_config/alias-bomb.yml: line 9, column 37: more than 200000 values, aliases expanded",
    ),
    (
        "allowed-domains.yml",
        "allowed_domains[1]: https://lp.example.com is not a domain such as example.com (its subdomains are included; no scheme, port or *)\n\
         allowed_domains[2]: \"*.example.com\" is not a domain such as example.com (its subdomains are included; no scheme, port or *)\n\
         allowed_domains[3]: com is a whole top-level domain; name the one that is meant below it\n\
         allowed_domains[4]: example.com is the same as allowed_domains[0]",
    ),
    (
        "auth-a-text.yml",
        "accounts[0].auth: a text where a map is wanted",
    ),
    (
        "auth-client-id-empty.yml",
        "accounts[0].auth.oauth2.client_id: the value is empty",
    ),
    (
        "auth-client-id-missing.yml",
        "accounts[0].auth.oauth2.client_id: is missing; give the client id that LivePerson issued",
    ),
    (
        "auth-login-without-username.yml",
        "accounts[0].auth.login.username: is missing; give the login name of a LivePerson user",
    ),
    (
        "auth-missing.yml",
        "accounts[0].auth: no way to authorise calls is given; give exactly one of oauth2, oauth1, login",
    ),
    (
        "auth-oauth1-half.yml",
        "accounts[0].auth.oauth1.access_token: is missing; give access_token, or access_token_file with the path of a file that holds it\n\
         accounts[0].auth.oauth1.access_token_secret: is missing; give access_token_secret, or access_token_secret_file with the path of a file that holds it",
    ),
    (
        "auth-secret-a-list.yml",
        "accounts[0].auth.oauth2.client_secret: a list where a single value is wanted",
    ),
    (
        "auth-secret-a-map.yml",
        "accounts[0].auth.oauth2.client_secret: a map where a single value is wanted",
    ),
    (
        "auth-secret-and-file.yml",
        "accounts[0].auth.oauth2: client_secret and client_secret_file are both given; keep one",
    ),
    (
        "auth-secret-empty.yml",
        "accounts[0].auth.oauth2.client_secret: the value is empty",
    ),
    (
        "auth-secret-file-a-folder.yml",
        "accounts[0].auth.login.password_file: tests/bad_config/files is a directory, not a file",
    ),
    (
        "auth-secret-file-does-not-exist.yml",
        "accounts[0].auth.oauth2.client_secret_file: the file that it names does not exist in tests/bad_config/files; the path of a file is wanted here, not the secret itself",
    ),
    (
        "auth-secret-file-empty.yml",
        "accounts[0].auth.oauth2.client_secret_file: tests/bad_config/files/empty.txt is empty; write the secret into it",
    ),
    (
        "auth-secret-glued-to-its-key.yml",
        "accounts[0].auth.oauth2: a key without a value (is the space after a colon missing?); known here: client_id, client_secret, client_secret_file\n\
         accounts[0].auth.oauth2.client_secret: is missing; give client_secret, or client_secret_file with the path of a file that holds it",
    ),
    (
        "auth-secret-missing.yml",
        "accounts[0].auth.oauth2.client_secret: is missing; give client_secret, or client_secret_file with the path of a file that holds it",
    ),
    (
        "auth-secret-misspelt.yml",
        "accounts[0].auth.oauth2.client_secrte: unknown key; did you mean client_secret?\n\
         accounts[0].auth.oauth2.client_secret: is missing; give client_secret, or client_secret_file with the path of a file that holds it",
    ),
    (
        "auth-two-ways.yml",
        "accounts[0].auth: oauth2 and login are given; keep exactly one of oauth2, oauth1, login",
    ),
    (
        "auth-unknown-way.yml",
        "accounts[0].auth.oauth: unknown key; did you mean oauth2?\n\
         accounts[0].auth: no way to authorise calls is given; give exactly one of oauth2, oauth1, login",
    ),
    (
        "domain-api-plain-http.yml",
        "domain_api: http://api.liveperson.net is plain http to a host that is not loopback: it would send credentials in clear; use https",
    ),
    (
        "domain-api-with-password.yml",
        "domain_api: [hidden]@api.liveperson.net holds a user name or password; those belong under auth",
    ),
    (
        "domain-api-with-query.yml",
        "domain_api: https://api.liveperson.net/?[hidden] has a query or fragment; scheme, host and path are enough",
    ),
    (
        "empty.yml",
        "tests/bad_config/empty.yml: is empty; it needs at least accounts",
    ),
    (
        "engagement-activity-a-list.yml",
        "engagement_activity: a list where a map is wanted",
    ),
    (
        "engagement-activity-agent-beyond-64-bit.yml",
        "engagement_activity.agents[1]: 9223372036854775808 is not an id: a whole number of at least 0",
    ),
    (
        "engagement-activity-agent-negative.yml",
        "engagement_activity.agents[0]: -1 is not an id: a whole number of at least 0",
    ),
    (
        "engagement-activity-agent-twice.yml",
        "engagement_activity.agents[1]: 3 is the same as engagement_activity.agents[0]",
    ),
    (
        "engagement-activity-buckets.yml",
        "engagement_activity.buckets: unknown key; known here: enabled, interval, windows, skills, agents, skill_agents",
    ),
    (
        "engagement-activity-enabled-yes.yml",
        "engagement_activity.enabled: yes is neither true nor false",
    ),
    (
        "engagement-activity-interval-too-short.yml",
        "engagement_activity.interval: 500ms is not between 1s and 1d",
    ),
    (
        "engagement-activity-interval-without-unit.yml",
        "engagement_activity.interval: 30 has no unit; durations are written as 250ms, 30s or 1h30m",
    ),
    (
        "engagement-activity-skill-agents-without-skills.yml",
        "engagement_activity: skill_agents: true needs skills, which are none; select skills or set skill_agents: false",
    ),
    (
        "engagement-activity-skill-below-unassigned.yml",
        "engagement_activity.skills[1]: -2 is not an id: a whole number of at least -1",
    ),
    (
        "engagement-activity-skills-empty.yml",
        "engagement_activity.skills: an empty list selects nothing; write none",
    ),
    (
        "engagement-activity-skills-one-id.yml",
        "engagement_activity.skills: 4 is not all, none or a list of ids such as [4, 15]",
    ),
    (
        "engagement-activity-unknown-key.yml",
        "engagement_activity.intervall: unknown key; did you mean interval?",
    ),
    (
        "hosts-plain-http.yml",
        "accounts[0].hosts.sentinel: http://va.sentinel.liveperson.net is plain http to a host that is not loopback: it would send credentials in clear; use https",
    ),
    (
        "hosts-unknown-service.yml",
        "accounts[0].hosts.ledatareporting: unknown key; did you mean leDataReporting?",
    ),
    (
        "hosts-without-scheme.yml",
        "accounts[0].hosts.leDataReporting: va.data.liveperson.net is not a web address such as https://va.data.liveperson.net",
    ),
    (
        "keys-given-twice.yml",
        "limits.max_in_flight: given twice, in lines 6 and 7; keep one\n\
         stale_after: given twice, in lines 8 and 9; keep one",
    ),
    (
        "limits-a-list-for-a-value.yml",
        "limits.min_spacing: a list where a single value is wanted",
    ),
    (
        "limits-max-in-flight-0.yml",
        "limits.max_in_flight: 0 is not a whole number from 1 to 64",
    ),
    (
        "limits-max-response-bytes-fraction.yml",
        "limits.max_response_bytes: 1.5GiB is not a size such as 500kB, 64MiB or a number of bytes",
    ),
    (
        "limits-max-response-bytes-too-small.yml",
        "limits.max_response_bytes: 100 is not between 1KiB and 4GiB",
    ),
    (
        "limits-max-series-0.yml",
        "limits.max_series: 0 is not a whole number from 1 to 1000000000",
    ),
    (
        "limits-min-spacing-0.yml",
        "limits.min_spacing: 0 is not between 1ms and 1m",
    ),
    (
        "limits-request-timeout-too-long.yml",
        "limits.request_timeout: 10m is not between 100ms and 5m",
    ),
    (
        "list-at-the-top.yml",
        "tests/bad_config/list-at-the-top.yml: begins with a list; sections such as accounts: are wanted at the top",
    ),
    (
        "many-mistakes.yml",
        "accounts[0].hosts.leDataReportin: unknown key; did you mean leDataReporting?\n\
         colour: unknown key; known here: accounts, engagement_activity, sla, limits, stale_after, timezone, names, domain_api, allowed_domains, tls\n\
         sla.group: unknown key; did you mean groups?\n\
         engagement_activity.windows[1]: 300s is the same as engagement_activity.windows[0]\n\
         engagement_activity.windows[2]: 0m is not a window: whole minutes from 1m to 24h, or today\n\
         engagement_activity.skills: some is not all, none or a list of ids such as [4, 15]\n\
         sla.buckets[2]: 47 is not a multiple of 5\n\
         stale_after: soon is not a duration such as 250ms, 30s or 1h30m\n\
         accounts[0].id: \"1 2\" is not an account id: 1 to 64 letters, digits, _ or -\n\
         accounts[0].auth: oauth2 and oauth1 are given; keep exactly one of oauth2, oauth1, login\n\
         accounts[0].sla.interval: \"1 minute\" is not a duration such as 250ms, 30s or 1h30m\n\
         accounts[0].sla.buckets[1]: 33 is not a multiple of 5\n\
         accounts[1].id: is missing; give the account id (site id) that LivePerson gave you\n\
         accounts[1].auth.login.username: the value is empty\n\
         accounts[1].auth.login.password_file: the file that it names does not exist in tests/bad_config/files; the path of a file is wanted here, not the secret itself\n\
         limits.max_in_flight: many is not a whole number from 1 to 64\n\
         limits.min_spacing: 250 has no unit; durations are written as 250ms, 30s or 1h30m\n\
         timezone: Berlin is not an IANA time zone such as UTC or Europe/Berlin\n\
         names.lookup: maybe is neither true nor false\n\
         names.skills.x: the key is not an id: a whole number of at least -1\n\
         tls.ca_file: tests/bad_config/files is a directory, not a file\n\
         domain_api: http://api.liveperson.net is plain http to a host that is not loopback: it would send credentials in clear; use https",
    ),
    (
        "names-a-list.yml",
        "names.groups: a list where a map is wanted",
    ),
    ("names-empty-name.yml", "names.agents.3: \"\" is empty"),
    (
        "names-key-not-an-id.yml",
        "names.skills.Sales: the key is not an id: a whole number of at least -1",
    ),
    (
        "names-refresh-too-short.yml",
        "names.refresh: 1s is not between 1m and 1w",
    ),
    (
        "nested-too-deeply.yml",
        "tests/bad_config/nested-too-deeply.yml: line 5, column 39: nested more than 32 levels deep",
    ),
    (
        "only-comments.yml",
        "tests/bad_config/only-comments.yml: is empty; it needs at least accounts",
    ),
    (
        "own-tag.yml",
        "tests/bad_config/own-tag.yml: line 5, column 19: tags (words that begin with !) are not supported here",
    ),
    (
        "sla-bucket-0-not-first.yml",
        "sla.buckets[1]: 0 is smaller than 15 before it; buckets ascend",
    ),
    (
        "sla-bucket-fraction.yml",
        "sla.buckets[0]: 7.5 is not a whole number from 0 to 86400, in seconds",
    ),
    (
        "sla-bucket-longer-than-a-day.yml",
        "sla.buckets[0]: 86405 is not a whole number from 0 to 86400, in seconds",
    ),
    (
        "sla-bucket-negative.yml",
        "sla.buckets[0]: -5 is not a whole number from 0 to 86400, in seconds",
    ),
    (
        "sla-bucket-not-multiple-of-5.yml",
        "sla.buckets[2]: 47 is not a multiple of 5",
    ),
    (
        "sla-bucket-only-0.yml",
        "sla.buckets: no bucket but 0 is given; give upper limits in seconds, as in [15, 30, 60]",
    ),
    (
        "sla-bucket-twice.yml",
        "sla.buckets[1]: 15 is the same as sla.buckets[0]",
    ),
    (
        "sla-buckets-descending.yml",
        "sla.buckets[1]: 15 is smaller than 30 before it; buckets ascend",
    ),
    (
        "sla-groups-all.yml",
        "sla.groups: all is not possible: LivePerson wants one request per group; list them, as in [7, 8]",
    ),
    (
        "sla-groups-empty.yml",
        "sla.groups: an empty list selects nothing; write none",
    ),
    (
        "sla-nothing-to-ask.yml",
        "sla: account: false, skills: none and groups: none leave nothing to ask; select one of them or set enabled: false",
    ),
    (
        "sla-too-many-buckets.yml",
        "sla.buckets: 101 buckets are more than the 100 allowed",
    ),
    (
        "stale-after-0.yml",
        "stale_after: 0s is not between 1ms and 1w",
    ),
    (
        "syntax-secret-after-wrong-indentation.yml",
        "tests/bad_config/syntax-secret-after-wrong-indentation.yml: line 6, column 21: not valid YAML: while parsing a block mapping, did not find expected key",
    ),
    (
        "syntax-tab-indentation.yml",
        "tests/bad_config/syntax-tab-indentation.yml: line 2, column 2: not valid YAML: tabs disallowed within this context (block indentation)",
    ),
    (
        "syntax-unclosed-list.yml",
        "tests/bad_config/syntax-unclosed-list.yml: line 8, column 1: not valid YAML: while parsing a flow sequence, expected ',' or ']'",
    ),
    (
        "text-at-the-top.yml",
        "tests/bad_config/text-at-the-top.yml: holds a single text; sections such as accounts: are wanted at the top",
    ),
    (
        "timezone-unknown.yml",
        "timezone: Europe/Atlantis is not an IANA time zone such as UTC or Europe/Berlin",
    ),
    (
        "tls-ca-file-does-not-exist.yml",
        "tls.ca_file: tests/bad_config/files/no-such-file.pem does not exist",
    ),
    (
        "tls-ca-file-without-certificate.yml",
        "tls.ca_file: tests/bad_config/files/secret.txt holds no PEM certificate (no line -----BEGIN CERTIFICATE-----)",
    ),
    (
        "two-documents.yml",
        "tests/bad_config/two-documents.yml: line 5, column 1: a second YAML document begins; only one is allowed",
    ),
    (
        "unknown-key-that-looks-like-a-path.yml",
        "accounts[999999999999].id: unknown key; known here: accounts, engagement_activity, sla, limits, stale_after, timezone, names, domain_api, allowed_domains, tls",
    ),
    (
        "unknown-section.yml",
        "limit: unknown key; did you mean limits?",
    ),
    (
        "value-too-long-to-repeat.yml",
        "timezone: Europe/Europe/Europe/Europe/Europe/Europe/Europe/Europe/Euro… is not an IANA time zone such as UTC or Europe/Berlin",
    ),
    (
        "windows-empty.yml",
        "sla.windows: an empty list asks nothing; give windows such as [5m, 1h], or set enabled: false",
    ),
    (
        "windows-half-minute.yml",
        "sla.windows[1]: 90s is not a window: whole minutes from 1m to 24h, or today",
    ),
    (
        "windows-longer-than-a-day.yml",
        "sla.windows[0]: 25h is not a window: whole minutes from 1m to 24h, or today",
    ),
    (
        "windows-not-a-list.yml",
        "sla.windows: 5m is not a list; write [5m]",
    ),
    (
        "windows-twice.yml",
        "sla.windows[2]: 1h is the same as sla.windows[0]",
    ),
];

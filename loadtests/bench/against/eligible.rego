package slots

import rego.v1

may contains row if {
	some row in input.rows
	not barred(data.titles[row])
}

barred(t) if {
	t.kind in {"drama", "unknown"}
	lacking(t)
}

# record-number
lacking(t) if not documented(t)

documented(t) if {
	t.document in {"licence", "bureau_filing", "platform_filing"}
	t.document_status in {"claimed", "verified"}
	t.document_from <= input.today
	input.today < t.document_until
}

# number-form, number-form-animated
lacking(t) if {
	t.form in {"live_action", "interactive", "animated", "unknown"}
	t.number != "right"
	t.document_status != "verified"
}

# class-held
lacking(t) if {
	not t.document in {"none", "licence"}
	lower_class(t)
}

lower_class(t) if special(t)

lower_class(t) if t.document == "unknown"

lower_class(t) if { # filed on an unknown day, or one to come: the strictest of all days
	undated(t)
	t.main_push != "no"
}

lower_class(t) if {
	undated(t)
	too_much(t, 1000000, 300000)
}

lower_class(t) if {
	undated(t)
	t.ai_generated != "no"
	too_much(t, 800000, 300000)
}

lower_class(t) if {
	filed(t, 19758, 20454)
	t.main_push != "no"
}

lower_class(t) if {
	filed(t, 19758, 20454)
	too_much(t, 1000000, 300000)
}

lower_class(t) if {
	filed(t, 20454, 20635)
	too_much(t, 3000000, 1000000)
}

lower_class(t) if {
	t.filed_on >= 20635
	t.filed_on <= input.today
	t.ai_generated == "no"
	too_much(t, 3000000, 1000000)
}

lower_class(t) if {
	t.filed_on >= 20635
	t.filed_on <= input.today
	t.ai_generated != "no"
	too_much(t, 800000, 300000)
}

undated(t) if t.filed_on == 0

undated(t) if t.filed_on > input.today

filed(t, first, next) if {
	t.filed_on >= first
	t.filed_on < next
	t.filed_on <= input.today
}

too_much(t, key, ordinary) if t.investment_cny == 0

too_much(t, key, ordinary) if t.investment_cny >= key

too_much(t, key, ordinary) if {
	t.document != "bureau_filing"
	t.investment_cny >= ordinary
}

# special-subject-licence, special-subject-consent
lacking(t) if {
	special(t)
	t.document != "licence"
}

lacking(t) if {
	special(t)
	t.co_review != "yes"
}

special(t) if t.special_subjects != ["none"]

# individual-pre-review
lacking(t) if {
	t.uploader in {"individual", "unknown"}
	t.platform_review != "yes"
}

# provider-licence
lacking(t) if t.provider_until <= input.today

# approved-version
lacking(t) if t.version != "approved"

# rerun-review
lacking(t) if {
	t.document in {"platform_filing", "unknown"}
	t.rerun in {"yes", "unknown"}
	not fresh(t)
}

fresh(t) if {
	t.reviewed_on > 0
	t.reviewed_on <= input.today
	input.today - t.reviewed_on <= 365
}

# web-drama-licence-20-minutes
lacking(t) if {
	long(t)
	t.document != "licence"
}

long(t) if t.episode_s_min == 0

long(t) if t.episode_s_min >= 1200

# ai-label-each-episode
lacking(t) if {
	t.ai_generated in {"yes", "unknown"}
	t.ai_label != "all"
}

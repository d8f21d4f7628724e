package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ask feeds the driver one line for each request and returns its answers.
func ask(t *testing.T, requests ...any) []map[string]any {
	t.Helper()
	var in, out bytes.Buffer
	for _, r := range requests {
		line, ok := r.(string)
		if !ok {
			b, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			line = string(b)
		}
		in.WriteString(line + "\n")
	}
	if err := run(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
	var answers []map[string]any
	for line := range strings.Lines(out.String()) {
		var a map[string]any
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(requests) {
		t.Fatalf("%d answers to %d requests", len(answers), len(requests))
	}
	return answers
}

func check(t *testing.T, got map[string]any, want string) {
	t.Helper()
	var w map[string]any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func testdata(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRequestsThatAreNone(t *testing.T) {
	answers := ask(t, `{"op":`, `[]`, ``, `{"op":"sing"}`, `{"op":"return_scenario","topic":"refund"}`,
		`{"op":"detect_number","number":7}`, `{"op":"replay","carrier":"neutral","bodies_base64":["%"]}`,
		`{"op":"detect_number","number":"1z 999 aa1 01 2345 6784"}`)
	for i, a := range answers[:7] {
		switch kind := a["error"]; {
		case i == 3 || i == 4:
			check(t, a, `{"unsupported":true}`)
		case kind == nil || kind.(map[string]any)["kind"] != "bad_request":
			t.Errorf("request %d is answered %v", i, a)
		}
	}
	// And the driver goes on.
	check(t, answers[7], `{"couriers":["ups"],"known_couriers":["dhl","ups"]}`)
}

func TestParse(t *testing.T) {
	twoPackages, dhl, push := testdata(t, "ups_two_packages.json"), testdata(t, "dhl_delivered.json"), testdata(t, "ups_push.json")
	request := func(op, carrier string, status int, body []byte) any {
		return object{"op": op, "carrier": carrier, "http_status": status, "content_type": "application/json", "body_base64": body, "request_number": "1Z9999999999999999"}
	}
	answers := ask(t,
		request("parse_tracking", "ups", 200, twoPackages),
		request("parse_tracking", "dhl_universal", 200, dhl),
		request("parse_webhook", "ups", 200, push),
		request("parse_webhook", "dhl_universal", 200, dhl),
		request("parse_tracking", "ups", 404, []byte(`{"response":{"errors":[{"code":"TW0001","message":"none"}]}}`)),
		request("parse_tracking", "ups", 200, []byte(`<html>`)),
		request("parse_tracking", "dhl_universal", 429, []byte(`{"status":429}`)),
		request("parse_tracking", "hermes", 200, dhl),
	)
	check(t, answers[0], `{"shipments":[
		{"tracking_number":"1Z9999999999999999","status":"delivered","delivered":true,"events":[
			{"time":"2026-02-10T08:15:00-05:00","status":"out_for_delivery","code":"OT","text":"Out For Delivery"},
			{"time":"2026-02-10T14:02:30-05:00","status":"delivered","code":"FS","text":"Delivered"}]},
		{"tracking_number":"1Z9999999999999980","status":"in_transit","delivered":false,"events":[
			{"time":"2026-02-10T01:40:00-05:00","status":"in_transit","code":"AR","text":"Arrived at Facility"}]}]}`)
	delivered := `{"shipments":[{"tracking_number":"4206917831","unique_id":"express/4206917831","status":"delivered","delivered":true,"events":[
		{"time":"2026-02-09T06:10:00","status":"in_transit","code":"AF","text":"Arrived at facility"},
		{"time":"2026-02-10T11:20:00","status":"delivered","code":"OK","text":"Delivered"}]}]}`
	check(t, answers[1], delivered)
	check(t, answers[2], `{"shipments":[{"tracking_number":"1Z9999999999999999","status":"out_for_delivery","delivered":false,"events":[
		{"time":"2026-02-10T08:15:00-05:00","status":"out_for_delivery","code":"OT","text":"Out For Delivery"}]}]}`)
	check(t, answers[3], delivered)
	for i, kind := range map[int]string{4: "not_found", 5: "malformed_response", 6: "rate_limited"} {
		e, _ := answers[i]["error"].(map[string]any)
		if e["kind"] != kind {
			t.Errorf("answer %d is %v, want the error %s", i, answers[i], kind)
		}
	}
	check(t, answers[7], `{"unsupported":true}`)
}

func TestCodes(t *testing.T) {
	code := func(carrier, table, code string) any {
		return object{"op": "map_code", "carrier": carrier, "table": table, "code": code, "text": "words"}
	}
	answers := ask(t,
		code("ups", " / CODE", "11"), code("ups", " / DIALS CODE", "2Q"), code("ups", " / ACTIVITY TYPE", "M"),
		code("ups", " / EXCEPTION CODE", "no such code"), code("ups", "freight", "A"),
		code("dhl_express", "unified status list", "WC"), code("dhl_svb", "unified status list", "DELIVERED"),
		code("dhl_parcel_de", "ICE/RIC ttpro PO", "LDTMV/MVMTV"), code("hermes", "2x2", "0000"),
	)
	for i, want := range []string{"delivered", "available_for_pickup", "pre_transit", "unknown", "", "out_for_delivery", "delivered", "out_for_delivery", ""} {
		if want == "" {
			check(t, answers[i], `{"unsupported":true}`)
		} else {
			check(t, answers[i], `{"status":"`+want+`"}`)
		}
	}
}

func TestSignature(t *testing.T) {
	// The signature was worked out with another language's HMAC, by the formula of
	// Standard Webhooks: base64(HMAC-SHA256(key, id + "." + timestamp + "." + body)).
	request := func(scheme, body string, now int64) any {
		return object{
			"op": "verify_signature", "scheme": scheme, "secret": "whsec_ZG9vcnN0ZXAgY29uZm9ybWFuY2Uga2V5ISE=", "tolerance_s": 300, "now": now, "body_base64": []byte(body),
			"headers": object{"webhook-id": "msg_1", "webhook-timestamp": "1772438400", "webhook-signature": "v1,6XeIMNChuAq+zHhkSTqogvHeIOylPkzxhAt9RDaEyCs="},
		}
	}
	answers := ask(t, request("standardwebhooks", `{"kettle":"on"}`, 1772438460), request("standardwebhooks", `{"kettle":"off"}`, 1772438460),
		request("standardwebhooks", `{"kettle":"on"}`, 1772438400+301), request("svix", `{"kettle":"on"}`, 1772438460))
	for i, want := range []string{`{"valid":true}`, `{"valid":false}`, `{"valid":false}`, `{"unsupported":true}`} {
		check(t, answers[i], want)
	}
}

func TestReplay(t *testing.T) {
	event := func(status, text, at string) object {
		return object{"status": status, "text": text, "at": at, "location": "Dover"}
	}
	body := func(events ...object) []byte {
		b, err := json.Marshal(object{"tracking_number": "TEA 1", "status": "ignored", "events": events})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	label, van, door := event("pre_transit", "Label", "2026-05-04T09:00:00-04:00"), event("out_for_delivery", "On the van", "2026-05-06T08:00:00-04:00"), event("delivered", "Delivered", "2026-05-06T15:30:00-04:00")
	hub := event("in_transit", "Hub", "2026-05-05T22:00:00-04:00")
	answers := ask(t,
		object{"op": "replay", "carrier": "neutral", "bodies_base64": [][]byte{body(label), body(van, label), body(van, label), body(door, van), body(hub)}},
		object{"op": "replay", "carrier": "neutral", "bodies_base64": [][]byte{body(hub), []byte(`{"tracking_number":"TEA 1","events":[{"stat`)}},
		object{"op": "replay", "carrier": "neutral", "bodies_base64": [][]byte{body(hub, event("in_transit", "Year of the wrong clock", "2041-01-01T00:00:00Z"), event("teleported", "?", "2026-05-06T01:00:00-04:00"))}},
		object{"op": "replay", "carrier": "neutral", "http_status": 404, "bodies_base64": [][]byte{[]byte(`{}`)}},
		object{"op": "replay", "carrier": "easypost", "bodies_base64": [][]byte{body(hub)}},
		// The number was used a year ago; the customer of today hears of today's parcel.
		object{"op": "replay", "carrier": "neutral", "bodies_base64": [][]byte{body(hub, event("delivered", "Delivered", "2025-03-01T10:00:00-04:00"))}},
	)
	check(t, answers[0], `{"final":"delivered","finals":["pre_transit","out_for_delivery","out_for_delivery","delivered","delivered"],
		"events":4,"notifications":{"order_confirmed":1,"out_for_delivery":1,"delivered":1},"packages":{"TEA1":"delivered"},"delivered_at":"2026-05-06T15:30:00-04:00"}`)
	if e, _ := answers[1]["error"].(map[string]any); e["kind"] != "malformed_response" || answers[1]["final"] != "in_transit" || answers[1]["events"] != 1.0 {
		t.Errorf("a body cut in the middle leaves %v", answers[1])
	}
	check(t, answers[2], `{"final":"in_transit","finals":["in_transit"],"events":3,"notifications":{"order_confirmed":1,"in_transit":1},"packages":{"TEA1":"in_transit"}}`)
	if e, _ := answers[3]["error"].(map[string]any); e["kind"] != "not_found" {
		t.Errorf("a number that is not known is %v", answers[3])
	}
	check(t, answers[4], `{"unsupported":true}`)
	check(t, answers[5], `{"final":"in_transit","finals":["in_transit"],"events":2,"notifications":{"order_confirmed":1,"in_transit":1},"packages":{"TEA1":"in_transit"}}`)
}

// A number turns out to be one of two packages: what was bought has not come before
// both have.
func TestReplayOfTwoPackages(t *testing.T) {
	answers := ask(t, object{"op": "replay", "carrier": "ups", "bodies_base64": [][]byte{testdata(t, "ups_two_packages.json")}})
	got := answers[0]
	if got["final"] != "in_transit" {
		t.Errorf("final %v", got["final"])
	}
	check(t, got["packages"].(map[string]any), `{"1Z9999999999999999":"delivered","1Z9999999999999980":"in_transit"}`)
	check(t, got["notifications"].(map[string]any), `{"order_confirmed":1,"in_transit":1,"delivered":1}`) // one of each parcel
}

package carriers_test

import (
	"strings"
	"testing"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

func TestCleanNumber(t *testing.T) {
	for in, want := range map[string]string{
		"1Z 999 AA1 01 2345 6784":               "1Z999AA10123456784",
		"1z999aa10123456784\n":                  "1Z999AA10123456784",
		"\ufeff1Z\u200b999\u00a0AA1\u2013X":     "1Z999AA1X",
		"\t00340434161094\r\n":                  "00340434161094",
		"RR-123-456-785-DE":                     "RR123456785DE",
		"":                                      "",
		"   ":                                   "",
		"see mail":                              "SEEMAIL",
		"1Z999?":                                "",
		"1Z/999":                                "",
		"１２３":                                   "", // full-width digits are no digits
		"1Z\x00999":                             "",
		"1Z\xff999":                             "",
		strings.Repeat("1", 64):                 strings.Repeat("1", 64),
		strings.Repeat("1", 65):                 "",
		strings.Repeat(" ", 1000):               "",
		"<script>":                              "",
		"https://example.com/track?n=1Z999AA10": "",
	} {
		if got := carriers.CleanNumber(in); got != want {
			t.Errorf("CleanNumber(%.40q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzCleanNumber(f *testing.F) {
	for _, s := range []string{"1Z 999", "rr\u200b1", "\xff", strings.Repeat("9", 70)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := carriers.CleanNumber(s)
		if carriers.CleanNumber(got) != got {
			t.Errorf("not the same when cleaned twice: %q", got)
		}
		if len(got) > 64 {
			t.Errorf("%d characters", len(got))
		}
		for i := range len(got) {
			if c := got[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
				t.Errorf("%q in the number", c)
			}
		}
		if spaced := carriers.CleanNumber(strings.Join(strings.Split(got, ""), " ")); spaced != got {
			t.Errorf("spaces change the number: %q, %q", spaced, got)
		}
	})
}

// TestCheckDigits holds the check digits against published numbers: the test numbers
// of jkeen/tracking_number_data (MIT), and the examples of the UPU's S10 standard.
func TestCheckDigits(t *testing.T) {
	tests := []struct {
		name string
		got  byte
		want byte
	}{
		{"UPS 1Z5R89390357567127", carriers.Mod10("5R8939035756712", 1, 2), '7'},
		{"UPS 1Z879E930346834440", carriers.Mod10("879E93034683444", 1, 2), '0'},
		{"UPS 1Z410E7W0392751591", carriers.Mod10("410E7W039275159", 1, 2), '1'},
		{"UPS 1ZXX3150YW44070023", carriers.Mod10("XX3150YW4407002", 1, 2), '3'},
		{"UPS waybill K1506235620", carriers.Mod10("150623562", 1, 2), '0'},
		{"USPS 20 digits 03071790000523483741", carriers.Mod10("0307179000052348374", 3, 1), '1'},
		{"DHL Express 3318810025", carriers.Mod7("331881002"), '5'},
		{"DHL Express 8487135506", carriers.Mod7("848713550"), '6'},
		{"S10 RB123456785GB", carriers.S10("12345678"), '5'},
		{"S10 RR473124829..", carriers.S10("47312482"), '9'},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: check digit %c, want %c", tt.name, tt.got, tt.want)
		}
	}
}

// FuzzCheckDigits holds what a check digit is for: one digit that is mistyped is seen.
func FuzzCheckDigits(f *testing.F) {
	f.Add("123456789", 3, byte(7))
	f.Fuzz(func(t *testing.T, serial string, at int, digit byte) {
		if !carriers.Digits(serial) || len(serial) > 30 {
			t.Skip()
		}
		at, digit = abs(at)%len(serial), '0'+digit%10
		if serial[at] == digit {
			t.Skip()
		}
		typo := serial[:at] + string(digit) + serial[at+1:]
		if carriers.Mod10(serial, 3, 1) == carriers.Mod10(typo, 3, 1) {
			t.Errorf("Mod10 does not see %s for %s", typo, serial)
		}
		if d := int(digit) - int(serial[at]); d%7 != 0 && carriers.Mod7(serial) == carriers.Mod7(typo) {
			t.Errorf("Mod7 does not see %s for %s", typo, serial)
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}

func TestParseCodes(t *testing.T) {
	const table = "# a comment\n\nD\tFS\tdelivered\trecipient\t\t\t\t\ta note\r\nX\t1\tin_transit\tdelayed\tweather\n" +
		"U\tPX\t\t\t\t\tinformational\nI\tCD\t\t\t\t\tretraction\tDP\nX\t2\texception\theld\tpayment_due\trecipient\n"
	codes, err := carriers.ParseCodes(table)
	if err != nil {
		t.Fatal(err)
	}
	want := map[carriers.CodeKey]carriers.Meaning{
		{Kind: "D", Code: "FS"}: {Status: shipment.Delivered, Detail: shipment.DetailRecipient, Class: shipment.ClassStatus},
		{Kind: "X", Code: "1"}:  {Status: shipment.InTransit, Detail: shipment.DetailDelayed, Reason: shipment.ReasonWeather, Class: shipment.ClassStatus},
		{Kind: "U", Code: "PX"}: {Class: shipment.ClassInformational},
		{Kind: "I", Code: "CD"}: {Class: shipment.ClassRetraction, Retracts: "DP"},
		{Kind: "X", Code: "2"}:  {Status: shipment.Exception, Detail: shipment.DetailHeld, Reason: shipment.ReasonPaymentDue, ActionBy: shipment.ActionRecipient, Class: shipment.ClassStatus},
	}
	if len(codes) != len(want) {
		t.Errorf("%d rows, want %d", len(codes), len(want))
	}
	for key, m := range want {
		if codes[key] != m {
			t.Errorf("%v: %+v, want %+v", key, codes[key], m)
		}
	}
	e := shipment.Event{Code: "FS", Text: "kept"}
	if !codes.Set(&e, "D", "FS") || e.Status != shipment.Delivered || e.Text != "kept" {
		t.Errorf("Set: %+v", e)
	}
	before := e
	if codes.Set(&e, "D", "none") || e != before {
		t.Errorf("Set of a code that is not in the table: %+v", e)
	}
}

func TestParseCodesRefuses(t *testing.T) {
	for name, row := range map[string]string{
		"status": "D\tFS\tarrived",
		"none":   "D\tFS\t\tdelayed",
		"detail": "D\tFS\tdelivered\tfront door",
		"reason": "D\tFS\tdelivered\trecipient\tluck",
		"party":  "D\tFS\tdelivered\trecipient\t\tthe neighbour",
		"class":  "D\tFS\tdelivered\trecipient\t\t\tstate",
		"twice":  "\tA\tdelivered",
	} {
		_, err := carriers.ParseCodes("# first\n\tA\tdelivered\n" + row + "\n")
		if err == nil || !strings.Contains(err.Error(), "line 3") {
			t.Errorf("%s: error %v, want one with the line", name, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("MustParseCodes did not panic")
		}
	}()
	carriers.MustParseCodes("\tA\tnowhere")
}
